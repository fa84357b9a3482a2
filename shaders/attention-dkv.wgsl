// attention-dkv: dk = scale · Σ dSᵀ·q and dv = Σ Pᵀ·(gate·dz), with P = exp(scale·q·kᵀ − lse) and
// dS = P ∘ (gate·dz·vᵀ − delta), summed over the queries of a segment and over the heads that share a key/value head.
// A head whose gate is 0 is skipped.
//
// binding 0  q      [T, H·D] f32
// binding 1  k      [R, K·D] f32     head h reads key/value head h·K/H (grouped queries)
// binding 2  v      [R, K·D] f32
// binding 3  dz     [T, H·D] f32
// binding 4  stats  [T, H, 4] f32    {lse, gate, delta, 0} from attention-delta
// binding 5  tiles  [n, 8] u32       as attention reads them: {first query row, queries, first key row, keys, index of
//                                    the first query among the keys, row of the gates, first query row of the segment,
//                                    queries of the segment}
// binding 6  dk     [R, K·D] f32
// binding 7  dv     [R, K·D] f32
// binding 8  p      Params
// grid       n × K workgroups of S·BK threads; S threads share a key, each holds its part of the D elements. The t-th of
//            a segment's n tiles of queries stands for its tiles of keys t, t + n, t + 2·n, …
// override   BK, BQ  keys and queries of a tile; BK is the tiles' most queries
// override   S      threads a key: 1 needs D ≤ 32, 2 needs D ≤ 64, 4 needs D ≤ 128
// override   D      head width: a multiple of 4, at most 128
// flags      1 causal: a query sees no key after itself
// numerics   f32

struct Params { heads: u32, kv_heads: u32, flags: u32, scale: f32 }

override BK: u32 = 32;
override BQ: u32 = 8;
override S: u32 = 4;
override D: u32 = 64;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> dz: array<vec4f>;
@group(0) @binding(4) var<storage, read> stats: array<vec4f>;
@group(0) @binding(5) var<storage, read> tiles: array<u32>;
@group(0) @binding(6) var<storage, read_write> dk: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> dv: array<vec4f>;
@group(0) @binding(8) var<uniform> p: Params;

const MOST = 8u; // vec4s a thread holds at most: D ≤ S threads · 8 · 4
override HELD: u32 = (D / 4 + S - 1) / S; // vec4s a thread holds: a constant bound, so that loops over them unroll
var<workgroup> qs: array<vec4f, BQ * (D / 4)>;
var<workgroup> dzs: array<vec4f, BQ * (D / 4)>;
var<workgroup> parts: array<vec2f, BK * BQ * S>; // of a key's and query's two products
var<private> key: array<vec4f, MOST>;
var<private> value: array<vec4f, MOST>;

// Whether a thread's j-th vec4 exists: always, unless D is no multiple of 4·S.
fn holds(part: u32, j: u32) -> bool { return (D / 4) % S == 0 || part + S * j < D / 4; }

// {scale·q·k, dz·v}: this thread's part of the sums.
fn products(query: u32, part: u32) -> vec2f {
  var sum = vec2f();
  for (var j = 0u; j < HELD; j++) {
    let c = query * (D / 4) + part + S * j;
    if (holds(part, j)) { sum += vec2f(dot(qs[c], key[j]), dot(dzs[c], value[j])); }
  }
  return sum;
}

@compute @workgroup_size(S * BK)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let d4 = D / 4;
  let kv_head = wg.y;
  let row = i / S;
  let part = i % S;
  let at = wg.x * 8;
  let query_row = tiles[at + 6];
  let queries = tiles[at + 7];
  let keys = tiles[at + 3];
  let offset = tiles[at] - query_row; // of this tile in its segment, a multiple of BK
  let first = tiles[at + 4] - offset;
  let step = (queries + BK - 1) / BK * BK;
  let causal = (p.flags & 1) != 0;
  let group = p.heads / p.kv_heads;
  for (var key0 = offset; key0 < keys; key0 += step) {
    let key_at = ((tiles[at + 2] + key0 + row) * p.kv_heads + kv_head) * d4;
    let mine = key0 + row < keys;
    var dkey = array<vec4f, MOST>();
    var dvalue = array<vec4f, MOST>();
    if (mine) {
      for (var j = 0u; j < HELD; j++) {
        if (holds(part, j)) {
          key[j] = k[key_at + part + S * j] * p.scale;
          value[j] = v[key_at + part + S * j];
        }
      }
    }
    var earliest = 0u; // query that sees a key of this tile
    if (causal && key0 > first) { earliest = key0 - first; }
    for (var head = kv_head * group; head < (kv_head + 1) * group; head++) {
      if (stats[query_row * p.heads + head].y == 0) { continue; } // the gate, the same for all of a segment's queries
      for (var query0 = earliest; query0 < queries; query0 += BQ) {
        let found = min(BQ, queries - query0);
        for (var e = i; e < found * d4; e += S * BK) {
          let source = ((query_row + query0 + e / d4) * p.heads + head) * d4 + e % d4;
          qs[e] = q[source];
          dzs[e] = dz[source];
        }
        workgroupBarrier();
        if (S > 1) {
          for (var query = 0u; query < found; query++) {
            parts[(row * BQ + query) * S + part] = products(query, part);
          }
          workgroupBarrier();
        }
        for (var query = 0u; query < found; query++) {
          if (causal && key0 + row > first + query0 + query) { continue; }
          var both = vec2f();
          if (S > 1) {
            for (var n = 0u; n < S; n++) { both += parts[(row * BQ + query) * S + n]; }
          } else {
            both = products(query, part);
          }
          let known = stats[(query_row + query0 + query) * p.heads + head];
          let weight = exp(both.x - known.x);
          let ds = weight * (known.y * both.y - known.z);
          for (var j = 0u; j < HELD; j++) {
            let c = query * d4 + part + S * j;
            if (holds(part, j)) {
              dkey[j] += ds * qs[c];
              dvalue[j] += weight * known.y * dzs[c];
            }
          }
        }
        workgroupBarrier();
      }
    }
    if (mine) {
      for (var j = 0u; j < HELD; j++) {
        if (holds(part, j)) {
          dk[key_at + part + S * j] = dkey[j] * p.scale;
          dv[key_at + part + S * j] = dvalue[j];
        }
      }
    }
  }
}
