// top-k: for each row, its k largest values in falling order with their indices (equal values: smaller index first),
// and log Σ exp of the row. Run twice for wide rows: over chunks of a row, then over the chunks' winners.
//
// binding 0  x       [rows, width] f32
// binding 1  ids     [rows, width] u32            the columns' indices; unused when first
// binding 2  sums    [rows, parts] f32            log Σ exp of the parts of each row; unused when first
// binding 3  values  [rows, chunks, k] f32
// binding 4  found   [rows, chunks, k] u32
// binding 5  lse     [rows, chunks] f32
// binding 6  p       Params
// grid       chunks × rows workgroups of WG threads
// override   WG      threads, a power of two
// first      1 when the columns are the row itself, 0 when they are winners of chunks
// numerics   compares in f32; a NaN in a row is found first, with the id 0xfffffffe; the sum is taken relative to the maximum

struct Params { width: u32, chunk: u32, k: u32, parts: u32, first: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> values: array<f32>;
@group(0) @binding(4) var<storage, read_write> found: array<u32>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;

override WG: u32 = 256;
const NONE = 0xffffffffu;
const LOWEST = -3.4028234e38;
const POISON = 0xfffffffeu; // what a NaN counts as: the largest of all, with an id that no token has
var<workgroup> best: array<f32, WG>;
var<workgroup> best_id: array<u32, WG>;

fn id_at(row: u32, c: u32) -> u32 {
  if (p.first == 1) { return c; }
  return ids[row * p.width + c];
}

// Whether (v, id) comes before (w, other) in the order of the result.
fn before(v: f32, id: u32, w: f32, other: u32) -> bool { return v > w || (v == w && id < other); }

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let row = wg.y;
  let begin = wg.x * p.chunk;
  let end = min(p.width, begin + p.chunk);
  let slot = row * grid.x + wg.x;
  var last = 0.0;      // the winner of the previous round: later rounds look behind it
  var last_id = NONE;
  for (var round = 0u; round < p.k; round++) {
    var v = LOWEST;
    var id = NONE;
    for (var c = begin + i; c < end; c += WG) {
      var candidate = x[row * p.width + c];
      var candidate_id = id_at(row, c);
      if ((bitcast<u32>(candidate) & 0x7fffffffu) > 0x7f800000u) {
        candidate = -LOWEST;
        candidate_id = POISON;
      }
      let open = round == 0 || before(last, last_id, candidate, candidate_id);
      if (open && candidate_id != NONE && (id == NONE || before(candidate, candidate_id, v, id))) {
        v = candidate;
        id = candidate_id;
      }
    }
    best[i] = v;
    best_id[i] = id;
    for (var half = WG / 2; half > 0; half /= 2) {
      workgroupBarrier();
      if (i < half && best_id[i + half] != NONE &&
          (best_id[i] == NONE || before(best[i + half], best_id[i + half], best[i], best_id[i]))) {
        best[i] = best[i + half];
        best_id[i] = best_id[i + half];
      }
    }
    last = workgroupUniformLoad(&best[0]);
    last_id = workgroupUniformLoad(&best_id[0]);
    if (i == 0) {
      values[slot * p.k + round] = last;
      found[slot * p.k + round] = last_id;
    }
    if (round == 0) { log_sum_exp(row, begin, end, slot, i, last); }
    workgroupBarrier();
    if (last_id == NONE && i == 0) { // fewer than k columns: the rest is empty
      for (var r = round + 1; r < p.k; r++) {
        values[slot * p.k + r] = LOWEST;
        found[slot * p.k + r] = NONE;
      }
    }
    if (last_id == NONE) { break; }
  }
}

fn log_sum_exp(row: u32, begin: u32, end: u32, slot: u32, i: u32, row_max: f32) {
  workgroupBarrier();
  var sum = 0.0;
  if (p.first == 1) {
    for (var c = begin + i; c < end; c += WG) { sum += exp(x[row * p.width + c] - row_max); }
  } else {
    for (var c = i; c < p.parts; c += WG) { sum += exp(sums[row * p.parts + c] - row_max); }
  }
  best[i] = sum;
  for (var half = WG / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (i < half) { best[i] += best[i + half]; }
  }
  if (i == 0) { lse[slot] = row_max + log(best[0]); }
}
