// add: y = a + b
//
// binding 0  a  [N] f32
// binding 1  b  [N] f32
// binding 2  y  [N] f32
// binding 3  p  Params
// grid       ⌈N/256⌉ workgroups of 256 threads, folded into two dimensions
// numerics   f32

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let at = (wg.y * grid.x + wg.x) * 256 + i;
  if (at < p.count) { y[at] = a[at] + b[at]; }
}
