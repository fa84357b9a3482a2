// rms-norm: y = x / √(mean(x²) + eps) · weight, over each row
//
// binding 0  x       [T, C] f32
// binding 1  weight  [C] f32
// binding 2  y       [T, C] f32
// binding 3  p       Params
// grid       T workgroups of WG threads, folded into two dimensions
// override   WG      threads a row, a power of two
// numerics   f32

struct Params { rows: u32, width: u32, eps: f32 }

override WG: u32 = 64;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

var<workgroup> partial: array<f32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let row = wg.y * grid.x + wg.x;
  let at = min(row, p.rows - 1) * p.width; // every thread reaches the barriers
  var sum = 0.0;
  for (var c = i; c < p.width; c += WG) { sum += x[at + c] * x[at + c]; }
  partial[i] = sum;
  for (var half = WG / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (i < half) { partial[i] += partial[i + half]; }
  }
  workgroupBarrier();
  let scale = 1 / sqrt(partial[0] / f32(p.width) + p.eps);
  if (row < p.rows) {
    for (var c = i; c < p.width; c += WG) { y[at + c] = x[at + c] * scale * weight[c]; }
  }
}
