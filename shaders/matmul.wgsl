// matmul: y = act(x · Wᵀ + bias) + residual, for many rows
//
// binding 0  x         [M, K] f32              row i begins at element x_offset + i·x_stride; x is 0 outside
//                                              elements x_first … x_end − 1
// binding 1  w         [N, K] f32, f16 or bf16 as W_TYPE says, packed in u32
// binding 2  bias      [≥ n0 + N] f32
// binding 3  residual  [M, y_stride] f32       from element y_offset, as y
// binding 4  y         [M, y_stride] f32       columns n0 … n0 + N − 1 are written
// binding 5  p         Params
// grid       ⌈N/64⌉ × ⌈M/64⌉ workgroups of 16 × 16 threads; a thread computes 4 × 4 outputs
// override   W_TYPE    0 f32, 1 f16, 2 bf16
// override   ALIGNED   K, x_offset and x_stride are multiples of 4, so that vec4s never straddle a row's end
// epilogue   1 bias, 2 GELU, 4 residual: a sum, read at run time, so that one pipeline serves all
// numerics   products of `scalar`, summed four at a time, accumulated in f32
//
// A strided x makes this the 1-D convolution too: with the taps of a kernel laid out [O, taps·C], output t is the
// product of W with taps·C consecutive elements that begin at row t·stride − padding.

struct Params {
  m: u32, n: u32, k: u32,
  x_offset: i32, x_stride: u32, x_first: i32, x_end: i32,
  n0: u32, y_stride: u32, y_offset: u32, epilogue: u32,
}

override W_TYPE: u32 = 0;
override ALIGNED: bool = true;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

const TILE = 64u;   // rows and columns of a workgroup's output tile
const DEPTH = 4u;   // vec4s of K held at a time
const PITCH = 5u;   // DEPTH + 1: neighbouring rows start in different banks
var<workgroup> xs: array<vec4<scalar>, TILE * PITCH>;
var<workgroup> ws: array<vec4<scalar>, TILE * PITCH>;

fn w1(e: u32) -> f32 {
  if (W_TYPE == 0) { return bitcast<f32>(w[e >> 2][e & 3]); }
  let word = w[e >> 3][(e >> 1) & 3];
  if (W_TYPE == 1) { return unpack2x16float(word)[e & 1]; }
  return bitcast<f32>(select(word << 16, word & 0xffff0000u, (e & 1) == 1));
}

fn w4(e: u32) -> vec4f {
  if (W_TYPE == 0) { return bitcast<vec4f>(w[e >> 2]); }
  let words = w[e >> 3];
  let pair = select(words.xy, words.zw, (e & 4) != 0);
  if (W_TYPE == 1) { return vec4f(unpack2x16float(pair.x), unpack2x16float(pair.y)); }
  return bitcast<vec4f>(vec4u(pair.x << 16, pair.x & 0xffff0000u, pair.y << 16, pair.y & 0xffff0000u));
}

fn x_at(e: i32) -> f32 {
  if (e < p.x_first || e >= p.x_end) { return 0; }
  return x[u32(e) >> 2][u32(e) & 3];
}

fn load_x(row: u32, k: u32) -> vec4f {
  if (row >= p.m || k >= p.k) { return vec4f(); }
  let e = p.x_offset + i32(row * p.x_stride + k);
  if (ALIGNED) {
    if (e < p.x_first || e >= p.x_end) { return vec4f(); }
    return x[u32(e) >> 2];
  }
  var v = vec4f();
  for (var i = 0u; i < min(4, p.k - k); i++) { v[i] = x_at(e + i32(i)); }
  return v;
}

fn load_w(row: u32, k: u32) -> vec4f {
  if (row >= p.n || k >= p.k) { return vec4f(); }
  let e = row * p.k + k;
  if (ALIGNED) { return w4(e); }
  var v = vec4f();
  for (var i = 0u; i < min(4, p.k - k); i++) { v[i] = w1(e + i); }
  return v;
}

// erf by Abramowitz & Stegun 7.1.26, |error| < 1.5e-7
fn gelu(v: f32) -> f32 {
  let z = abs(v) * 0.70710678;
  let t = 1 / (1 + 0.3275911 * z);
  let e = 1 - t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * exp(-z * z);
  return 0.5 * v * (1 + sign(v) * e);
}

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_id) t: vec3u, @builtin(local_invocation_index) i: u32) {
  let m0 = wg.y * TILE;
  let n0 = wg.x * TILE;
  var acc: array<vec4f, 4>;
  for (var k0 = 0u; k0 < p.k; k0 += DEPTH * 4) {
    // 256 threads load 64 rows of 4 vec4s, of x and of W
    let row = i / DEPTH;
    let col = i % DEPTH;
    xs[row * PITCH + col] = vec4<scalar>(load_x(m0 + row, k0 + col * 4));
    ws[row * PITCH + col] = vec4<scalar>(load_w(n0 + row, k0 + col * 4));
    workgroupBarrier();
    for (var d = 0u; d < DEPTH; d++) {
      let b0 = ws[t.x * PITCH + d];
      let b1 = ws[(t.x + 16) * PITCH + d];
      let b2 = ws[(t.x + 32) * PITCH + d];
      let b3 = ws[(t.x + 48) * PITCH + d];
      for (var r = 0u; r < 4; r++) {
        let a = xs[(t.y + 16 * r) * PITCH + d];
        acc[r] += vec4f(f32(dot(a, b0)), f32(dot(a, b1)), f32(dot(a, b2)), f32(dot(a, b3)));
      }
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 4; r++) {
    let row = m0 + t.y + 16 * r;
    for (var c = 0u; c < 4; c++) {
      let col = n0 + t.x + 16 * c;
      if (row < p.m && col < p.n) {
        let out = p.y_offset + row * p.y_stride + p.n0 + col;
        var v = acc[r][c];
        if ((p.epilogue & 1) != 0) { v += bias[p.n0 + col]; }
        if ((p.epilogue & 2) != 0) { v = gelu(v); }
        if ((p.epilogue & 4) != 0) { v += residual[out]; }
        y[out] = v;
      }
    }
  }
}
