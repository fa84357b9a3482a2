// rope: splits the rows of qkv and rotates q and k by their positions (rotate-half form, RoFormer arXiv 2104.09864):
//   (a, b) = (v[i], v[i + D/2]) → (a·cos − b·sin, b·cos + a·sin), with angle = position / theta^(2i/D)
//
// binding 0  qkv        [T, (H + 2·K)·D] f32   q heads, k heads, v heads
// binding 1  angles     [P, D] f32             for each position, D/2 cosines then D/2 sines
// binding 2  positions  [T] u32
// binding 3  rows       [T] u32                where each token's k and v go
// binding 4  q          [T, H·D] f32
// binding 5  k          [R, K·D] f32
// binding 6  v          [R, K·D] f32
// binding 7  p          Params
// grid       ⌈(H + 2·K)·D/64⌉ × T workgroups of 64 threads
// numerics   f32; the angles are tabled, since WGSL's sin and cos are only good to 2⁻¹¹

struct Params { heads: u32, kv_heads: u32, head_dim: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> angles: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read_write> q: array<f32>;
@group(0) @binding(5) var<storage, read_write> k: array<f32>;
@group(0) @binding(6) var<storage, read_write> v: array<f32>;
@group(0) @binding(7) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let t = wg.y;
  let c = wg.x * 64 + i;
  let q_width = p.heads * p.head_dim;
  let kv_width = p.kv_heads * p.head_dim;
  let width = q_width + 2 * kv_width;
  if (c >= width) { return; }
  let value = qkv[t * width + c];
  if (c >= q_width + kv_width) {
    v[rows[t] * kv_width + c - q_width - kv_width] = value;
    return;
  }
  let half = p.head_dim / 2;
  let d = c % p.head_dim;
  let turn = positions[t] * p.head_dim + d % half;
  let first = d < half;
  let partner = qkv[t * width + select(c - half, c + half, first)];
  let rotated = value * angles[turn] + select(partner, -partner, first) * angles[turn + half];
  if (c < q_width) {
    q[t * q_width + c] = rotated;
  } else {
    k[rows[t] * kv_width + c - q_width] = rotated;
  }
}
