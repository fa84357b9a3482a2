// attention-dq: dq = scale · Σ_keys dS·k with dS = P ∘ (gate·dz·vᵀ − delta), P = exp(scale·q·kᵀ − lse), and each
// query's share r = Σ_d dz·o of its gate's gradient, o the head's output before its gate. For a head whose gate is 0 o
// was not stored: r = Σ_keys P·(dz·v) by online softmax, and dq = 0.
//
// binding 0  q      [T, H·D] f32
// binding 1  k      [R, K·D] f32     head h reads key/value head h·K/H (grouped queries)
// binding 2  v      [R, K·D] f32
// binding 3  dz     [T, H·D] f32
// binding 4  stats  [T, H, 4] f32    {lse, gate, delta, 0} from attention-delta
// binding 5  tiles  [n, 8] u32       as attention reads them
// binding 6  dq     [T, H·D] f32     if wanted
// binding 7  r      [T, H] f32       if wanted
// binding 8  p      Params
// grid       n × H workgroups of S·BQ threads; S threads share a query, each holds its part of the D elements
// override   BQ, BK  queries and keys of a tile
// override   S      threads a query: 1 needs D ≤ 32, 2 needs D ≤ 64, 4 needs D ≤ 128
// override   D      head width: a multiple of 4, at most 128
// flags      1 causal: a query sees no key after itself; 2 dq is wanted; 4 r is wanted
// numerics   f32

struct Params { heads: u32, kv_heads: u32, flags: u32, scale: f32 }

override BQ: u32 = 32;
override BK: u32 = 8;
override S: u32 = 4;
override D: u32 = 64;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> dz: array<vec4f>;
@group(0) @binding(4) var<storage, read> stats: array<vec4f>;
@group(0) @binding(5) var<storage, read> tiles: array<u32>;
@group(0) @binding(6) var<storage, read_write> dq: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> r: array<f32>;
@group(0) @binding(8) var<uniform> p: Params;

const MOST = 8u; // vec4s a thread holds at most: D ≤ S threads · 8 · 4
override HELD: u32 = (D / 4 + S - 1) / S; // vec4s a thread holds: a constant bound, so that loops over them unroll
const LOWEST = -3.4028234e38;
var<workgroup> ks: array<vec4f, BK * (D / 4)>;
var<workgroup> vs: array<vec4f, BK * (D / 4)>;
var<workgroup> parts: array<vec2f, BQ * BK * S>; // of a query's and key's two products
var<private> query: array<vec4f, MOST>;
var<private> dout: array<vec4f, MOST>;

// Whether a thread's j-th vec4 exists: always, unless D is no multiple of 4·S.
fn holds(part: u32, j: u32) -> bool { return (D / 4) % S == 0 || part + S * j < D / 4; }

// {scale·q·k, dz·v}: this thread's part of the sums.
fn products(key: u32, part: u32) -> vec2f {
  var sum = vec2f();
  for (var j = 0u; j < HELD; j++) {
    let c = key * (D / 4) + part + S * j;
    if (holds(part, j)) { sum += vec2f(dot(query[j], ks[c]), dot(dout[j], vs[c])); }
  }
  return sum;
}

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
  let row_at = (tiles[at] + row) * p.heads + head;
  let q_at = row_at * d4;
  let causal = (p.flags & 1) != 0;
  let want_dq = (p.flags & 2) != 0;
  let want_r = (p.flags & 4) != 0;
  let off = stats[tiles[at] * p.heads + head].y == 0; // the gate, the same for all of a tile's queries
  let mine = row < queries;
  var known = vec4f();
  if (mine) { known = stats[row_at]; }
  if (mine && part == 0 && want_r && !off) { r[row_at] = known.z / known.y; }
  if (mine && want_dq && off) {
    for (var c = part; c < d4; c += S) { dq[q_at + c] = vec4f(); }
  }
  if (!select(want_dq, want_r, off)) { return; }
  let kv_head = head * p.kv_heads / p.heads;
  if (mine) {
    for (var j = 0u; j < HELD; j++) {
      if (holds(part, j)) {
        query[j] = q[q_at + part + S * j] * p.scale;
        dout[j] = dz[q_at + part + S * j];
      }
    }
  }
  var sum: array<vec4f, MOST>;
  var row_max = LOWEST;
  var row_sum = 0.0;
  var row_r = 0.0;
  var keys = tiles[at + 3];
  if (causal) { keys = min(keys, first + queries); }
  for (var key0 = 0u; key0 < keys; key0 += BK) {
    let found = min(BK, keys - key0);
    for (var e = i; e < found * d4; e += S * BQ) {
      let source = ((key_row + key0 + e / d4) * p.kv_heads + kv_head) * d4 + e % d4;
      ks[e] = k[source];
      vs[e] = v[source];
    }
    workgroupBarrier();
    if (S > 1) {
      for (var key = 0u; key < found; key++) { parts[(row * BK + key) * S + part] = products(key, part); }
      workgroupBarrier();
    }
    for (var key = 0u; key < found; key++) {
      if (causal && key0 + key > first + row) { break; }
      var both = vec2f();
      if (S > 1) {
        for (var n = 0u; n < S; n++) { both += parts[(row * BK + key) * S + n]; }
      } else {
        both = products(key, part);
      }
      if (off) {
        let drop = exp(-abs(both.x - row_max)); // of the smaller of the two to the larger, the new maximum
        let rises = both.x > row_max;
        let shrink = select(1.0, drop, rises);
        let e = select(drop, 1.0, rises);
        row_max = max(row_max, both.x);
        row_sum = row_sum * shrink + e;
        row_r = row_r * shrink + e * both.y;
      } else {
        let ds = exp(both.x - known.x) * (known.y * both.y - known.z);
        for (var j = 0u; j < HELD; j++) {
          if (holds(part, j)) { sum[j] += ds * ks[key * d4 + part + S * j]; }
        }
      }
    }
    workgroupBarrier();
  }
  if (!mine) { return; }
  if (off) {
    if (part == 0) { r[row_at] = row_r / row_sum; }
    return;
  }
  for (var j = 0u; j < HELD; j++) {
    if (holds(part, j)) { dq[q_at + part + S * j] = sum[j] * p.scale; }
  }
}
