// swiglu: y = silu(gate) · up, silu(v) = v / (1 + e^−v)
//
// binding 0  x  [T, 2·F] f32   a row holds F gates, then F ups
// binding 1  y  [T, F] f32
// binding 2  p  Params
// grid       ⌈T·F/256⌉ workgroups of 256 threads, folded into two dimensions
// numerics   f32

struct Params { rows: u32, width: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let e = (wg.y * grid.x + wg.x) * 256 + i;
  if (e >= p.rows * p.width) { return; }
  let row = e / p.width;
  let gate = x[e + row * p.width];
  y[e] = gate / (1 + exp(-gate)) * x[e + row * p.width + p.width];
}
