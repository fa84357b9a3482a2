// embed-dx: dtable[ids[t]] += dy[t], rows of the same id summed in the order of t
//
// binding 0  ids     [T] u32
// binding 1  dy      [T, C] f32
// binding 2  dtable  [V, C] f32   holds what is added to
// binding 3  p       Params
// grid       ⌈C/64⌉ workgroups of 64 threads; a thread has a column to itself, so that nothing races
// numerics   f32

struct Params { rows: u32, width: u32 }

@group(0) @binding(0) var<storage, read> ids: array<u32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dtable: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3u) {
  if (at.x >= p.width) { return; }
  for (var t = 0u; t < p.rows; t++) { dtable[ids[t] * p.width + at.x] += dy[t * p.width + at.x]; }
}
