// gate-dx: dx = Σ over g of dgates[g]·slope[g]
//
// binding 0  dgates  [G, L, H] f32
// binding 1  slope   [G, L, H] f32
// binding 2  dx      [L, H] f32
// binding 3  p       Params
// grid       ⌈L·H/64⌉ workgroups of 64 threads, folded into two dimensions
// numerics   f32, in the order of g

struct Params { masks: u32, count: u32 } // G and L·H

@group(0) @binding(0) var<storage, read> dgates: array<f32>;
@group(0) @binding(1) var<storage, read> slope: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let at = (wg.y * grid.x + wg.x) * 64 + i;
  if (at >= p.count) { return; }
  var sum = 0.0;
  for (var g = 0u; g < p.masks; g++) { sum += dgates[g * p.count + at] * slope[g * p.count + at]; }
  dx[at] = sum;
}
