// relative-bias: a gated relative position bias (WavLM, arXiv 2110.13900, section 3.1) in the two parts that attention
// multiplies: table[h, key − query], and gate[t, h] = σ(a)·(σ(b)·scale[h] − 1) + 2, where a and b are the sums of the first
// and the last four of the eight numbers W·q[t, h] + bias
//
// binding 0  q        [T, H·D] f32
// binding 1  embed    [B, H] f32            what each head adds to a score, by bucket
// binding 2  buckets  [2N − 1] u32          the bucket of each key − query, from −(N − 1) on
// binding 3  w        [8, D] f32
// binding 4  bias     [8] f32
// binding 5  scale    [H] f32
// binding 6  y        [H·(2N − 1) + T·H] f32    the table [H, 2N − 1], then the gates [T, H]
// binding 7  p        Params
// grid       ⌈(H·(2N − 1) + T·H) / 64⌉ workgroups of 64 threads, folded into two dimensions
// numerics   f32

struct Params { heads: u32, head_dim: u32, distances: u32, tokens: u32 }

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> embed: array<f32>;
@group(0) @binding(2) var<storage, read> buckets: array<u32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> scale: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<uniform> p: Params;

fn sigmoid(v: f32) -> f32 { return 1 / (1 + exp(-v)); }

// Σ of numbers n … n + 3 of W·q + bias, for the D elements of q from `at` on
fn four(at: u32, n: u32) -> f32 {
  var sum = bias[n] + bias[n + 1] + bias[n + 2] + bias[n + 3];
  for (var d = 0u; d < p.head_dim; d++) {
    let row = n * p.head_dim + d;
    sum += q[at + d] * (w[row] + w[row + p.head_dim] + w[row + 2 * p.head_dim] + w[row + 3 * p.head_dim]);
  }
  return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let at = (wg.y * grid.x + wg.x) * 64 + i;
  let table = p.heads * p.distances;
  if (at < table) {
    y[at] = embed[buckets[at % p.distances] * p.heads + at / p.distances];
  } else if (at < table + p.tokens * p.heads) {
    let head = (at - table) * p.head_dim; // of q: rows of H heads follow each other
    let gate = sigmoid(four(head, 0)) * (sigmoid(four(head, 4)) * scale[(at - table) % p.heads] - 1) + 2;
    y[at] = gate;
  }
}
