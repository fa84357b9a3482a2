// pos-conv: y = gelu(conv(x) + bias) over one sequence, a grouped 1-D convolution as long as its input: output t sees
// inputs t − ⌊W/2⌋ … t − ⌊W/2⌋ + W − 1, zeros before the first and after the last
//
// binding 0  x     [R, C] f32        the sequence is rows first … first + rows − 1 of x, and of y
// binding 1  w     [C, W·C/G] f32    for each output channel, tap by tap, the C/G channels of its group
// binding 2  bias  [C] f32
// binding 3  y     [R, C] f32
// binding 4  p     Params
// grid       ⌈rows/64⌉ × G × ⌈C/G / (16·COLUMNS)⌉ workgroups of 16 × 16 threads; a thread computes 4 rows of COLUMNS channels
// override   COLUMNS  channels of a thread, 1 to 4
// numerics   products of `scalar`, summed four at a time, accumulated in f32
//
// As matmul, W·C/G deep, but that x is gathered: C/G is a multiple of 4, so that no vec4 straddles two taps.

struct Params { first: u32, rows: u32, channels: u32, group: u32, taps: u32 }

override COLUMNS: u32 = 3;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

const TILE = 64u;   // rows, and at most as many channels, of a workgroup's outputs
const DEPTH = 4u;   // vec4s of the depth held at a time
const PITCH = 5u;   // DEPTH + 1: neighbouring rows start in different banks
var<workgroup> xs: array<vec4<scalar>, TILE * PITCH>;
var<workgroup> ws: array<vec4<scalar>, TILE * PITCH>;

fn load_x(t: u32, k: u32, channel0: u32) -> vec4f {
  let source = i32(t + k / p.group) - i32(p.taps / 2);
  if (k >= p.taps * p.group || source < 0 || source >= i32(p.rows)) { return vec4f(); }
  return x[((p.first + u32(source)) * p.channels + channel0 + k % p.group) / 4];
}

fn load_w(out: u32, k: u32, channel0: u32) -> vec4f {
  if (out >= p.group || k >= p.taps * p.group) { return vec4f(); }
  return w[((channel0 + out) * p.taps * p.group + k) / 4];
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
  let t0 = wg.x * TILE;
  let channel0 = wg.y * p.group;
  let out0 = wg.z * 16 * COLUMNS;
  var acc: array<vec4f, 4>; // of each channel, four rows
  for (var k0 = 0u; k0 < p.taps * p.group; k0 += DEPTH * 4) {
    // 256 threads load 64 rows of 4 vec4s, of x and of W
    let row = i / DEPTH;
    let col = i % DEPTH;
    xs[row * PITCH + col] = vec4<scalar>(load_x(t0 + row, k0 + col * 4, channel0));
    ws[row * PITCH + col] = vec4<scalar>(load_w(out0 + row, k0 + col * 4, channel0));
    workgroupBarrier();
    for (var d = 0u; d < DEPTH; d++) {
      let a0 = xs[t.y * PITCH + d];
      let a1 = xs[(t.y + 16) * PITCH + d];
      let a2 = xs[(t.y + 32) * PITCH + d];
      let a3 = xs[(t.y + 48) * PITCH + d];
      for (var c = 0u; c < COLUMNS; c++) {
        let b = ws[(t.x + 16 * c) * PITCH + d];
        acc[c] += vec4f(f32(dot(a0, b)), f32(dot(a1, b)), f32(dot(a2, b)), f32(dot(a3, b)));
      }
    }
    workgroupBarrier();
  }
  for (var c = 0u; c < COLUMNS; c++) {
    let out = out0 + t.x + 16 * c;
    for (var r = 0u; r < 4; r++) {
      let row = t0 + t.y + 16 * r;
      if (row < p.rows && out < p.group) {
        y[(p.first + row) * p.channels + channel0 + out] = gelu(acc[c][r] + bias[channel0 + out]);
      }
    }
  }
}
