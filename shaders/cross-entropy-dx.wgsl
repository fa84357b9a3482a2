// cross-entropy-dx: dlogits = dloss · (softmax(logits) − [id = target]), over a slice of the vocabulary, in place
//
// binding 0  logits   [T, N] f32   of ids first … first + N − 1; their gradients afterwards
// binding 1  targets  [T] u32
// binding 2  state    [T, 2] f32   {log Σ exp over the vocabulary, unused}
// binding 3  dloss    [T] f32
// binding 4  p        Params
// grid       ⌈T·N/256⌉ workgroups of 256 threads, folded into two dimensions
// numerics   f32

struct Params { rows: u32, width: u32, first: u32 }

@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> state: array<vec2f>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let e = (wg.y * grid.x + wg.x) * 256 + i;
  if (e >= p.rows * p.width) { return; }
  let row = e / p.width;
  let hit = select(0.0, 1.0, p.first + e % p.width == targets[row]);
  logits[e] = dloss[row] * (exp(logits[e] - state[row].x) - hit);
}
