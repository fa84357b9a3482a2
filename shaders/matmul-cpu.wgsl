// matmul-cpu: y = act(x · Wᵀ + bias) + residual for many rows, where a CPU plays the GPU: registers only, no barrier
//
// binding 0  x         [M, K] f32
// binding 1  w         [N, K] f32, f16 or bf16 as W_TYPE says, packed in u32
// binding 2  bias      [≥ n0 + N] f32
// binding 3  residual  [M, y_stride] f32
// binding 4  y         [M, y_stride] f32       columns n0 … n0 + N − 1 are written
// binding 5  p         Params
// grid       ⌈N/32⌉ × ⌈M/8⌉ workgroups of 8 threads; a thread computes 8 × 4 outputs
// override   W_TYPE    0 f32, 1 f16, 2 bf16
// epilogue   1 bias, 2 GELU, 4 residual: a sum, read at run time, so that one pipeline serves all
// numerics   products and sums in f32; K is a multiple of 4

struct Params { m: u32, n: u32, k: u32, n0: u32, y_stride: u32, epilogue: u32 }

override W_TYPE: u32 = 0;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec2u>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

const THREADS = 8u;
const ROWS = 8u;  // of x that a thread holds
const COLS = 4u;  // rows of W, THREADS apart, so that neighbouring threads write neighbouring elements

// Elements e … e + 3, e a multiple of 4.
fn w4(e: u32) -> vec4f {
  if (W_TYPE == 0) { return bitcast<vec4f>(vec4u(w[e >> 1], w[(e >> 1) + 1])); }
  let pair = w[e >> 2];
  if (W_TYPE == 1) { return vec4f(unpack2x16float(pair.x), unpack2x16float(pair.y)); }
  return bitcast<vec4f>(vec4u(pair.x << 16, pair.x & 0xffff0000u, pair.y << 16, pair.y & 0xffff0000u));
}

// erf by Abramowitz & Stegun 7.1.26, |error| < 1.5e-7
fn gelu(v: f32) -> f32 {
  let z = abs(v) * 0.70710678;
  let t = 1 / (1 + 0.3275911 * z);
  let e = 1 - t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * exp(-z * z);
  return 0.5 * v * (1 + sign(v) * e);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let m0 = wg.y * ROWS;
  let n0 = wg.x * THREADS * COLS + i;
  var acc: array<vec4f, ROWS>;
  // rows beyond the last repeat it and are not written
  let w0 = min(n0, p.n - 1) * p.k;
  let w1 = min(n0 + THREADS, p.n - 1) * p.k;
  let w2 = min(n0 + 2 * THREADS, p.n - 1) * p.k;
  let w3 = min(n0 + 3 * THREADS, p.n - 1) * p.k;
  for (var k = 0u; k < p.k; k += 4) {
    let b0 = w4(w0 + k);
    let b1 = w4(w1 + k);
    let b2 = w4(w2 + k);
    let b3 = w4(w3 + k);
    for (var r = 0u; r < ROWS; r++) {
      let a = x[(min(m0 + r, p.m - 1) * p.k + k) >> 2];
      acc[r] += vec4f(dot(a, b0), dot(a, b1), dot(a, b2), dot(a, b3));
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    for (var c = 0u; c < COLS; c++) {
      let row = m0 + r;
      let col = n0 + c * THREADS;
      if (row < p.m && col < p.n) {
        let out = row * p.y_stride + p.n0 + col;
        var v = acc[r][c];
        if ((p.epilogue & 1) != 0) { v += bias[p.n0 + col]; }
        if ((p.epilogue & 2) != 0) { v = gelu(v); }
        if ((p.epilogue & 4) != 0) { v += residual[out]; }
        y[out] = v;
      }
    }
  }
}
