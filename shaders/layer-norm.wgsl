// layer-norm: y = (u − mean) / √(var + eps) · weight + bias, over each row of u = x + alpha · residual
//
// binding 0  x         [T, C] f32
// binding 1  residual  [T, C] f32    not read where alpha is 0
// binding 2  weight    [C] f32
// binding 3  bias      [C] f32
// binding 4  y         [T, C] f32
// binding 5  p         Params
// grid       T workgroups of WG threads, folded into two dimensions
// override   WG      threads a row, a power of two
// numerics   f32; the variance in a second pass, from u − mean

struct Params { rows: u32, width: u32, eps: f32, alpha: f32 }

override WG: u32 = 64;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

var<workgroup> partial: array<f32, WG>;

fn u(e: u32) -> f32 {
  if (p.alpha == 0) { return x[e]; }
  return x[e] + p.alpha * residual[e];
}

fn total(i: u32, value: f32) -> f32 {
  partial[i] = value;
  for (var half = WG / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (i < half) { partial[i] += partial[i + half]; }
  }
  return workgroupUniformLoad(&partial[0]);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let row = wg.y * grid.x + wg.x;
  let at = min(row, p.rows - 1) * p.width; // every thread reaches the barriers
  var sum = 0.0;
  for (var c = i; c < p.width; c += WG) { sum += u(at + c); }
  let mean = total(i, sum) / f32(p.width);
  var squares = 0.0;
  for (var c = i; c < p.width; c += WG) { let d = u(at + c) - mean; squares += d * d; }
  let scale = 1 / sqrt(total(i, squares) / f32(p.width) + p.eps);
  if (row < p.rows) {
    for (var c = i; c < p.width; c += WG) { y[at + c] = (u(at + c) - mean) * scale * weight[c] + bias[c]; }
  }
}
