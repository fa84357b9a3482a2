// matvec: y = act(x · Wᵀ + bias) + residual, for few rows (a decode step): every weight is read once
//
// binding 0  x         [M, K] f32
// binding 1  w         [N, K] f32, f16 or bf16 as W_TYPE says, packed in u32
// binding 2  bias      [≥ n0 + N] f32
// binding 3  residual  [M, y_stride] f32
// binding 4  y         [M, y_stride] f32       columns n0 … n0 + N − 1 are written
// binding 5  p         Params
// grid       ⌈N/(64/lanes)⌉ workgroups, folded into two dimensions; `lanes` of the 64 threads (a power of two)
//            share an output; ⌈M/ROWS⌉ in the third dimension
// override   W_TYPE    0 f32, 1 f16, 2 bf16
// override   ALIGNED   K is a multiple of 8, so that 8 elements never straddle a row's end
// override   ROWS      M or a little more: 1, 4 or 8
// epilogue   1 bias, 2 GELU, 4 residual: a sum, read at run time, so that one pipeline serves all
// numerics   products and sums in f32

struct Params { m: u32, n: u32, k: u32, n0: u32, y_stride: u32, epilogue: u32, lanes: u32 }

override W_TYPE: u32 = 0;
override ALIGNED: bool = true;
override ROWS: u32 = 1;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

const THREADS = 64u;
const MAX_ROWS = 8u;
var<workgroup> partial: array<f32, ROWS * THREADS>;

fn bf16(pair: vec2u) -> vec4f {
  return bitcast<vec4f>(vec4u(pair.x << 16, pair.x & 0xffff0000u, pair.y << 16, pair.y & 0xffff0000u));
}

fn w1(e: u32) -> f32 {
  if (W_TYPE == 0) { return bitcast<f32>(w[e >> 2][e & 3]); }
  let word = w[e >> 3][(e >> 1) & 3];
  if (W_TYPE == 1) { return unpack2x16float(word)[e & 1]; }
  return bitcast<f32>(select(word << 16, word & 0xffff0000u, (e & 1) == 1));
}

fn x1(e: u32) -> f32 { return x[e >> 2][e & 3]; }

// erf by Abramowitz & Stegun 7.1.26, |error| < 1.5e-7
fn gelu(v: f32) -> f32 {
  let z = abs(v) * 0.70710678;
  let t = 1 / (1 + 0.3275911 * z);
  let e = 1 - t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * exp(-z * z);
  return 0.5 * v * (1 + sign(v) * e);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let lane = i % p.lanes;
  let m0 = wg.z * ROWS;
  let rows = min(ROWS, p.m - m0);
  let row = (wg.y * grid.x + wg.x) * (THREADS / p.lanes) + i / p.lanes;
  var acc: array<f32, MAX_ROWS>;
  if (row < p.n) {
    if (ALIGNED) {
      for (var k = lane * 8; k < p.k; k += p.lanes * 8) {
        let e = row * p.k + k;
        var a: vec4f;
        var b: vec4f;
        if (W_TYPE == 0) {
          a = bitcast<vec4f>(w[e >> 2]);
          b = bitcast<vec4f>(w[(e >> 2) + 1]);
        } else {
          let words = w[e >> 3];
          if (W_TYPE == 1) {
            a = vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
            b = vec4f(unpack2x16float(words.z), unpack2x16float(words.w));
          } else {
            a = bf16(words.xy);
            b = bf16(words.zw);
          }
        }
        for (var m = 0u; m < ROWS; m++) {
          let at = ((m0 + min(m, rows - 1)) * p.k + k) >> 2; // rows beyond M repeat the last and are not written
          acc[m] += dot(a, x[at]) + dot(b, x[at + 1]);
        }
      }
    } else {
      for (var k = lane; k < p.k; k += p.lanes) {
        let a = w1(row * p.k + k);
        for (var m = 0u; m < ROWS; m++) { acc[m] += a * x1((m0 + min(m, rows - 1)) * p.k + k); }
      }
    }
  }
  if (p.lanes > 1) {
    for (var m = 0u; m < ROWS; m++) { partial[m * THREADS + i] = acc[m]; }
    workgroupBarrier();
  }
  if (lane == 0 && row < p.n) {
    for (var m = 0u; m < ROWS; m++) {
      if (m >= rows) { break; }
      let out = (m0 + m) * p.y_stride + p.n0 + row;
      var v = acc[m];
      for (var other = 1u; other < p.lanes; other++) { v += partial[m * THREADS + i + other]; }
      if ((p.epilogue & 1) != 0) { v += bias[p.n0 + row]; }
      if ((p.epilogue & 2) != 0) { v = gelu(v); }
      if ((p.epilogue & 4) != 0) { v += residual[out]; }
      y[out] = v;
    }
  }
}
