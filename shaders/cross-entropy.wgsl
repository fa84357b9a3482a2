// cross-entropy: loss = log Σ exp(logits) − logits[target] over each row, from one slice of the vocabulary after the other
//
// binding 0  logits   [T, N] f32   of ids first … first + N − 1
// binding 1  targets  [T] u32
// binding 2  state    [T, 2] f32   {log Σ exp of the slices so far, the target's logit}
// binding 3  loss     [T] f32      written with each slice, right after the last
// binding 4  p        Params
// grid       T workgroups of WG threads, folded into two dimensions
// override   WG       threads a row, a power of two
// numerics   f32

struct Params { rows: u32, width: u32, first: u32 }

override WG: u32 = 64;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> state: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

var<workgroup> partial: array<f32, WG>;
const LOWEST = -3.4028234e38;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let row = wg.y * grid.x + wg.x;
  let at = min(row, p.rows - 1) * p.width; // every thread reaches the barriers
  var most = LOWEST;
  for (var c = i; c < p.width; c += WG) { most = max(most, logits[at + c]); }
  partial[i] = most;
  for (var half = WG / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (i < half) { partial[i] = max(partial[i], partial[i + half]); }
  }
  workgroupBarrier();
  most = partial[0];
  workgroupBarrier();
  var sum = 0.0;
  for (var c = i; c < p.width; c += WG) { sum += exp(logits[at + c] - most); }
  partial[i] = sum;
  for (var half = WG / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (i < half) { partial[i] += partial[i + half]; }
  }
  if (i > 0 || row >= p.rows) { return; }
  var lse = most + log(partial[0]);
  var goal = 0.0;
  if (p.first > 0) {
    let before = state[row];
    let top = max(before.x, lse);
    lse = top + log(exp(before.x - top) + exp(lse - top));
    goal = before.y;
  }
  let c = targets[row] - p.first;
  if (targets[row] >= p.first && c < p.width) { goal = logits[at + c]; }
  state[row] = vec2f(lse, goal);
  loss[row] = lse - goal;
}
