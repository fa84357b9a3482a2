// embed: y[t] = table[ids[t]], rows of an embedding table gathered by token id
//
// binding 0  ids    [T] u32
// binding 1  table  [V, C] f32, f16 or bf16 as W_TYPE says, packed in u32; rows first … first + rows − 1 are bound
// binding 2  y      [T, C] f32; only rows whose id is bound are written
// binding 3  p      Params
// grid       ⌈C/64⌉ × T workgroups of 64 threads
// override   W_TYPE 0 f32, 1 f16, 2 bf16
// numerics   exact

struct Params { width: u32, first: u32, rows: u32 }

override W_TYPE: u32 = 0;

@group(0) @binding(0) var<storage, read> ids: array<u32>;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

fn value(e: u32) -> f32 {
  if (W_TYPE == 0) { return bitcast<f32>(table[e]); }
  let word = table[e >> 1];
  if (W_TYPE == 1) { return unpack2x16float(word)[e & 1]; }
  return bitcast<f32>(select(word << 16, word & 0xffff0000u, (e & 1) == 1));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let t = wg.y;
  let c = wg.x * 64 + i;
  let id = ids[t];
  if (c < p.width && id >= p.first && id - p.first < p.rows) {
    y[t * p.width + c] = value((id - p.first) * p.width + c);
  }
}
