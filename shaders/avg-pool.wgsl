// avg-pool: y[t] = (x[2t] + x[2t + 1]) / 2, over the rows of each segment of a packed batch
//
// binding 0  x     [rows, C] f32
// binding 1  rows  [T] u32        for each output row, the first of its two input rows
// binding 2  y     [T, C] f32
// binding 3  p     Params
// grid       ⌈C/64⌉ × T workgroups of 64 threads
// numerics   f32

struct Params { width: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let c = wg.x * 64 + i;
  if (c >= p.width) { return; }
  let at = rows[wg.y] * p.width + c;
  y[wg.y * p.width + c] = (x[at] + x[at + p.width]) * 0.5;
}
