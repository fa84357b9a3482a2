// gelu-dx: dx = dy·(Φ(x) + x·φ(x)), Φ(x) = (1 + erf(x/√2)) / 2, φ(x) = e^(−x²/2) / √(2π)
//
// binding 0  dy  [N] f32
// binding 1  x   [N] f32   what the forward was given
// binding 2  dx  [N] f32
// binding 3  p   Params
// grid       ⌈N/256⌉ workgroups of 256 threads, folded into two dimensions
// numerics   f32; erf by Abramowitz & Stegun 7.1.26, |error| < 1.5e-7, as in the forward

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let at = (wg.y * grid.x + wg.x) * 256 + i;
  if (at >= p.count) { return; }
  let v = x[at];
  let z = abs(v) * 0.70710678;
  let t = 1 / (1 + 0.3275911 * z);
  let bell = exp(-z * z);
  let e = 1 - t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * bell;
  dx[at] = dy[at] * (0.5 * (1 + sign(v) * e) + 0.39894228 * v * bell);
}
