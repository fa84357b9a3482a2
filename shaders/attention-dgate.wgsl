// attention-dgate: dgates[g, layer, h] += Σ r over the queries of all tiles whose mask is g
//
// binding 0  r       [T, H] f32       each query's share, from attention-dq
// binding 1  tiles   [n, 8] u32       as attention reads them
// binding 2  dgates  [G, L, H] f32    this layer's from gate_at
// binding 3  p       Params
// grid       H × G workgroups of WG threads
// override   WG      threads
// numerics   f32

struct Params { heads: u32, tiles: u32, gate_at: u32, gate_stride: u32 }

override WG: u32 = 32;

@group(0) @binding(0) var<storage, read> r: array<f32>;
@group(0) @binding(1) var<storage, read> tiles: array<u32>;
@group(0) @binding(2) var<storage, read_write> dgates: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

var<workgroup> sums: array<f32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  var sum = 0.0;
  for (var tile = 0u; tile < p.tiles; tile++) {
    if (tiles[tile * 8 + 5] != wg.y) { continue; }
    for (var row = i; row < tiles[tile * 8 + 1]; row += WG) {
      sum += r[(tiles[tile * 8] + row) * p.heads + wg.x];
    }
  }
  sums[i] = sum;
  workgroupBarrier();
  if (i > 0) { return; }
  for (var n = 1u; n < WG; n++) { sum += sums[n]; }
  dgates[wg.y * p.gate_stride + p.gate_at + wg.x] += sum;
}
