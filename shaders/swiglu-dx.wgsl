// swiglu-dx: dgate = dy·up·s·(1 + gate·(1 − s)), dup = dy·gate·s, with s = 1 / (1 + e^−gate)
//
// binding 0  dy  [T, F] f32
// binding 1  x   [T, 2·F] f32   what the forward was given: a row holds F gates, then F ups
// binding 2  dx  [T, 2·F] f32   as x
// binding 3  p   Params
// grid       ⌈T·F/256⌉ workgroups of 256 threads, folded into two dimensions
// numerics   f32; s and 1 − s each from e^−|gate|, so that neither overflows or cancels

struct Params { rows: u32, width: u32 }

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let e = (wg.y * grid.x + wg.x) * 256 + i;
  if (e >= p.rows * p.width) { return; }
  let at = e + e / p.width * p.width; // of the gate; the up is a width further on
  let gate = x[at];
  let tail = exp(-abs(gate));
  let open = select(tail, 1.0, gate > 0) / (1 + tail);
  let shut = select(1.0, tail, gate > 0) / (1 + tail);
  dx[at] = dy[e] * x[at + p.width] * open * (1 + gate * shut);
  dx[at + p.width] = dy[e] * gate * open;
}
