// attention: z = gate · softmax(q·kᵀ/√D + bias)·v for many queries, by online softmax (FlashAttention, arXiv 2205.14135):
// the [T, S] matrix of scores is never stored. A head whose gate is 0 writes zeros and does nothing else.
//
// binding 0  q      [T, H·D] f32
// binding 1  k      [R, K·D] f32      head h reads key/value head h·K/H (grouped queries)
// binding 2  v      [R, K·D] f32
// binding 3  tiles  [n, 8] u32        {first query row, queries ≤ BQ, first key row, keys, index of the first query
//                                     among the keys (causal), row of the gates, first query row of the segment, queries of the
//                                     segment (both for the backward pass)}: a packed batch, cut in tiles
// binding 4  gates  [G, L, H] f32     one row for each mask, this layer's from gate_at
// binding 5  z      [T, H·D] f32
// binding 6  lse    [T, H] f32        log Σ exp of a query's scores, for the backward pass; none where the gate is 0
// binding 7  bias   [H·(2N − 1) + T·H] f32  a table [H, 2N − 1] by key − query, from −(N − 1) on, then what it is times
//                                     for each query [T, H]; N is `reach`, more than any query's or key's index
// binding 8  p      Params
// grid       n × H workgroups of S·BQ threads; S of them share a query and its D elements
// override   BQ, BK queries and keys of a tile; BK a multiple of 8
// override   S      threads that share a query: a power of two, at least D/32
// override   D      head width: a multiple of 4, at most 128
// override   BIAS   bias is read
// flags      1 causal: a query sees no key after itself; 2 gated: gates is read; 4 lse is written
// numerics   tiles of `scalar`; scores, softmax and sums in f32

struct Params { heads: u32, kv_heads: u32, flags: u32, gate_at: u32, gate_stride: u32, scale: f32, reach: u32 }

override BQ: u32 = 32;
override BK: u32 = 16;
override S: u32 = 4;
override D: u32 = 64;
override BIAS: bool = false;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> tiles: array<u32>;
@group(0) @binding(4) var<storage, read> gates: array<f32>;
@group(0) @binding(5) var<storage, read_write> z: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;
@group(0) @binding(7) var<storage, read> bias: array<f32>;
@group(0) @binding(8) var<uniform> p: Params;

const MOST = 8u;     // vec4s a thread holds at most: D ≤ S threads · 8 · 4
override HELD: u32 = (D / 4 + S - 1) / S; // vec4s a thread holds: a constant bound, so that loops over them unroll
const STRIP = 8u;    // keys that enter the softmax at a time
const LOWEST = -3.4028234e38;
var<workgroup> ks: array<vec4<scalar>, BK * (D / 4)>;
var<workgroup> vs: array<vec4<scalar>, BK * (D / 4)>;
var<workgroup> scores: array<f32, BQ * BK * S>; // a query's and key's score in S parts

// Whether a thread's j-th vec4 exists: always, unless D is no multiple of 4·S.
fn holds(part: u32, j: u32) -> bool { return (D / 4) % S == 0 || part + S * j < D / 4; }

@compute @workgroup_size(S * BQ)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let d4 = D / 4;
  let head = wg.y;
  let row = i / S;
  let part = i % S;
  let at = wg.x * 8;
  let queries = tiles[at + 1];
  let key_row = tiles[at + 2];
  let first = tiles[at + 4];
  let z_at = ((tiles[at] + row) * p.heads + head) * d4;
  let causal = (p.flags & 1) != 0;
  var gate = 1.0;
  if ((p.flags & 2) != 0) { gate = gates[tiles[at + 5] * p.gate_stride + p.gate_at + head]; }
  if (gate == 0) {
    if (row < queries) {
      for (var c = part; c < d4; c += S) { z[z_at + c] = vec4f(); }
    }
    return;
  }
  let kv_head = head * p.kv_heads / p.heads;
  var query: array<vec4<scalar>, MOST>;
  var sum: array<vec4f, MOST>;
  if (row < queries) {
    for (var j = 0u; j < HELD; j++) {
      if (holds(part, j)) { query[j] = vec4<scalar>(q[z_at + part + S * j] * p.scale); }
    }
  }
  var bias_at = 0u; // of key 0
  var bias_scale = 0.0;
  if (BIAS) {
    bias_at = (2 * head + 1) * p.reach - head - 1 - first - row;
    bias_scale = bias[p.heads * (2 * p.reach - 1) + (tiles[at] + row) * p.heads + head];
  }
  var row_max = LOWEST;
  var row_sum = 0.0;
  var keys = tiles[at + 3];
  if (causal) { keys = min(keys, first + queries); }
  for (var key0 = 0u; key0 < keys; key0 += BK) {
    let found = min(BK, keys - key0);
    for (var e = i; e < found * d4; e += S * BQ) {
      let source = ((key_row + key0 + e / d4) * p.kv_heads + kv_head) * d4 + e % d4;
      ks[e] = vec4<scalar>(k[source]);
      vs[e] = vec4<scalar>(v[source]);
    }
    workgroupBarrier();
    for (var key = 0u; key < found; key++) {
      var partial = 0.0;
      for (var j = 0u; j < HELD; j++) {
        if (holds(part, j)) { partial += f32(dot(query[j], ks[key * d4 + part + S * j])); }
      }
      scores[(row * BK + key) * S + part] = partial;
    }
    if (S > 1) { workgroupBarrier(); }
    for (var strip = 0u; strip < found; strip += STRIP) {
      var weight: array<f32, STRIP>;
      var strip_max = row_max;
      for (var n = 0u; n < STRIP; n++) {
        let key = key0 + strip + n;
        let visible = strip + n < found && (!causal || key <= first + row);
        var score = 0.0;
        for (var other = 0u; other < S; other++) { score += scores[(row * BK + strip + n) * S + other]; }
        if (BIAS) { score += bias_scale * bias[bias_at + key]; }
        weight[n] = select(LOWEST, score, visible);
        strip_max = max(strip_max, weight[n]);
      }
      let shrink = exp(row_max - strip_max);
      row_max = strip_max;
      row_sum *= shrink;
      for (var j = 0u; j < HELD; j++) { sum[j] *= shrink; }
      for (var n = 0u; n < STRIP; n++) {
        let e = select(exp(weight[n] - row_max), 0.0, weight[n] == LOWEST);
        row_sum += e;
        for (var j = 0u; j < HELD; j++) {
          if (holds(part, j)) { sum[j] += e * vec4f(vs[(strip + n) * d4 + part + S * j]); }
        }
      }
    }
    workgroupBarrier();
  }
  if (row < queries) {
    if (part == 0 && (p.flags & 4) != 0) { lse[(tiles[at] + row) * p.heads + head] = row_max + log(row_sum); }
    for (var j = 0u; j < HELD; j++) {
      if (holds(part, j)) { z[z_at + part + S * j] = sum[j] * (gate / row_sum); }
    }
  }
}
