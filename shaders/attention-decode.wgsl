// attention-decode: z = gate · softmax(q·kᵀ/√D)·v for one query a sequence, over the rows of the KV cache that its
// table names. A head whose gate is 0 reads no keys. Long caches are split; attention-merge joins the parts.
//
// binding 0  q        [B, H·D] f32
// binding 1  k        [R, K·D] f32    head h reads key/value head h·K/H (grouped queries)
// binding 2  v        [R, K·D] f32
// binding 3  table    [B, S] u32      cache row of each of a sequence's positions
// binding 4  last     [B] u32         position of the query: keys 0 … last are visible
// binding 5  gates    [G, L, H] f32   row b for sequence b, this layer's from gate_at
// binding 6  z        split: [B, H, splits, D] f32 unnormalised; else [B, H·D] f32
// binding 7  stats    [B, H, splits, 2] f32   maximum and sum of each part; unused unless split
// binding 8  p        Params
// grid       H × B × splits workgroups of WG threads
// override   WG       threads: a multiple of 4, at least D/4
// override   D        head width: a multiple of 4, at most 128
// flags      1 split: a workgroup writes a part; 2 gated: gates is read
// numerics   f32

struct Params { heads: u32, kv_heads: u32, capacity: u32, span: u32, flags: u32, gate_at: u32, gate_stride: u32, scale: f32 }

override WG: u32 = 64;
override D: u32 = 64;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> table: array<u32>;
@group(0) @binding(4) var<storage, read> last: array<u32>;
@group(0) @binding(5) var<storage, read> gates: array<f32>;
@group(0) @binding(6) var<storage, read_write> z: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>;
@group(0) @binding(8) var<uniform> p: Params;

const BLOCK = 64u; // keys taken at a time
const LOWEST = -3.4028234e38;
var<workgroup> query: array<vec4f, D / 4>;
var<workgroup> rows: array<u32, BLOCK>;        // where the block's keys begin
var<workgroup> partial: array<f32, BLOCK * 4>; // a key's score in four parts
var<workgroup> score: array<f32, BLOCK>;
var<workgroup> weight: array<f32, BLOCK>; // e^(score − maximum so far)
var<workgroup> sums: array<vec4f, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let d4 = D / 4;
  let head = wg.x;
  let b = wg.y;
  let q_at = (b * p.heads + head) * d4;
  let split = (p.flags & 1) != 0;
  var gate = 1.0;
  if ((p.flags & 2) != 0) { gate = gates[b * p.gate_stride + p.gate_at + head]; }
  if (gate == 0) {
    if (!split && i < d4) { z[q_at + i] = vec4f(); }
    return;
  }
  if (i < d4) { query[i] = q[q_at + i] * p.scale; }
  let keys = min(last[b] + 1, p.capacity);
  let begin = wg.z * p.span;
  let end = min(keys, begin + p.span);
  let kv_head = head * p.kv_heads / p.heads;
  // for the scores four threads share a key; for the sum a thread holds one vec4 of D and every `groups`-th key
  let groups = WG / d4;
  let lane = i % d4;
  let group = i / d4;
  var block_max = LOWEST;
  var total = 0.0;
  var sum = vec4f();
  for (var key0 = begin; key0 < end; key0 += BLOCK) {
    let found = min(BLOCK, end - key0);
    for (var key = i; key < found; key += WG) {
      rows[key] = (table[b * p.capacity + key0 + key] * p.kv_heads + kv_head) * d4;
    }
    workgroupBarrier();
    for (var key = i / 4; key < found; key += WG / 4) {
      var part = 0.0;
      for (var c = i % 4; c < d4; c += 4) { part += dot(query[c], k[rows[key] + c]); }
      partial[key * 4 + i % 4] = part;
    }
    workgroupBarrier();
    for (var key = i; key < found; key += WG) {
      score[key] = partial[key * 4] + partial[key * 4 + 1] + partial[key * 4 + 2] + partial[key * 4 + 3];
    }
    workgroupBarrier();
    let before = block_max;
    for (var key = 0u; key < found; key++) { block_max = max(block_max, score[key]); }
    for (var key = i; key < found; key += WG) { weight[key] = exp(score[key] - block_max); }
    workgroupBarrier();
    let shrink = exp(before - block_max);
    sum *= shrink;
    total *= shrink;
    if (group < groups) {
      for (var key = 0u; key < found; key++) {
        total += weight[key];
        if (key % groups == group) { sum += weight[key] * v[rows[key] + lane]; }
      }
    }
    workgroupBarrier();
  }
  sums[i] = sum;
  workgroupBarrier();
  if (group == 0) {
    for (var g = 1u; g < groups; g++) { sum += sums[g * d4 + i]; }
    if (split) {
      let slot = (b * p.heads + head) * grid.z + wg.z;
      z[slot * d4 + i] = sum;
      if (i == 0) {
        stats[slot * 2] = block_max;
        stats[slot * 2 + 1] = total;
      }
    } else {
      z[q_at + i] = sum * (gate / total);
    }
  }
}
