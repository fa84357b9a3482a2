// attention-delta: what attention's backward pass must know of each query and head before it looks at keys:
// delta = Σ_d dz·z = gate·Σ_d dz·o, o the head's output before its gate (FlashAttention-2, arXiv 2307.08691, D)
//
// binding 0  dz     [T, H·D] f32
// binding 1  z      [T, H·D] f32    gated, as attention made it
// binding 2  lse    [T, H] f32      log Σ exp of the scores; read only where the gate is not 0
// binding 3  tiles  [n, 8] u32      as attention reads them
// binding 4  gates  [G, L, H] f32   one row for each mask, this layer's from gate_at
// binding 5  stats  [T, H, 4] f32   {lse, gate, delta, 0}
// binding 6  p      Params
// grid       n workgroups of WG threads, each with a query and head at a time
// override   WG     threads
// override   D      head width: a multiple of 4
// flags      2 gated: gates is read
// numerics   f32

struct Params { heads: u32, flags: u32, gate_at: u32, gate_stride: u32 }

override WG: u32 = 64;
override D: u32 = 64;

@group(0) @binding(0) var<storage, read> dz: array<vec4f>;
@group(0) @binding(1) var<storage, read> z: array<vec4f>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> tiles: array<u32>;
@group(0) @binding(4) var<storage, read> gates: array<f32>;
@group(0) @binding(5) var<storage, read_write> stats: array<vec4f>;
@group(0) @binding(6) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let at = wg.x * 8;
  for (var e = i; e < tiles[at + 1] * p.heads; e += WG) {
    let to = tiles[at] * p.heads + e;
    var gate = 1.0;
    if ((p.flags & 2) != 0) { gate = gates[tiles[at + 5] * p.gate_stride + p.gate_at + e % p.heads]; }
    if (gate == 0) {
      stats[to] = vec4f();
      continue;
    }
    var delta = 0.0;
    for (var c = 0u; c < D / 4; c++) { delta += dot(dz[to * (D / 4) + c], z[to * (D / 4) + c]); }
    stats[to] = vec4f(lse[to], gate, delta, 0);
  }
}
