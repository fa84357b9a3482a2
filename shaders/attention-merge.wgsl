// attention-merge: joins the parts that attention-decode made of a split cache: z = gate · Σ eᵐ⁻ᴹ·part / Σ eᵐ⁻ᴹ·sum
//
// binding 0  parts  [B, H, splits, D] f32
// binding 1  stats  [B, H, splits, 2] f32   maximum m and sum of each part
// binding 2  gates  [G, L, H] f32           row b for sequence b, this layer's from gate_at
// binding 3  z      [B, H·D] f32
// binding 4  p      Params
// grid       H × B workgroups of 32 threads
// override   D      head width: a multiple of 4, at most 128
// flags      2 gated: gates is read
// numerics   f32

struct Params { heads: u32, splits: u32, flags: u32, gate_at: u32, gate_stride: u32 }

override D: u32 = 64;

@group(0) @binding(0) var<storage, read> parts: array<vec4f>;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
@group(0) @binding(2) var<storage, read> gates: array<f32>;
@group(0) @binding(3) var<storage, read_write> z: array<vec4f>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let d4 = D / 4;
  if (i >= d4) { return; }
  let at = wg.y * p.heads + wg.x;
  var gate = 1.0;
  if ((p.flags & 2) != 0) { gate = gates[wg.y * p.gate_stride + p.gate_at + wg.x]; }
  if (gate == 0) {
    z[at * d4 + i] = vec4f();
    return;
  }
  var top = stats[at * p.splits * 2];
  for (var s = 1u; s < p.splits; s++) { top = max(top, stats[(at * p.splits + s) * 2]); }
  var sum = vec4f();
  var total = 0.0;
  for (var s = 0u; s < p.splits; s++) {
    let part = at * p.splits + s;
    let scale = exp(stats[part * 2] - top);
    sum += scale * parts[part * d4 + i];
    total += scale * stats[part * 2 + 1];
  }
  z[at * d4 + i] = sum * (gate / total);
}
