// gelu: y = x·Φ(x), Φ(x) = (1 + erf(x/√2)) / 2
//
// binding 0  x  [N] f32
// binding 1  y  [N] f32
// binding 2  p  Params
// grid       ⌈N/256⌉ workgroups of 256 threads, folded into two dimensions
// numerics   f32; erf by Abramowitz & Stegun 7.1.26, |error| < 1.5e-7, as in matmul's epilogue

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let at = (wg.y * grid.x + wg.x) * 256 + i;
  if (at >= p.count) { return; }
  let v = x[at];
  let z = abs(v) * 0.70710678;
  let t = 1 / (1 + 0.3275911 * z);
  let e = 1 - t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * exp(-z * z);
  y[at] = 0.5 * v * (1 + sign(v) * e);
}
