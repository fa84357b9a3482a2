// rope-dx: joins the gradients of q, k and v to that of qkv; those of q and k are rotated back:
//   (a, b) = (g[i], g[i + D/2]) → (a·cos + b·sin, b·cos − a·sin), with angle = position / theta^(2i/D)
//
// binding 0  dq         [T, H·D] f32           read if flags & 1; else zeros are meant
// binding 1  dk         [R, K·D] f32           the same for flags & 2
// binding 2  dv         [R, K·D] f32           the same for flags & 4
// binding 3  angles     [P, D] f32             for each position, D/2 cosines then D/2 sines
// binding 4  positions  [T] u32
// binding 5  rows       [T] u32                where each token's k and v are
// binding 6  dqkv       [T, (H + 2·K)·D] f32   q heads, k heads, v heads
// binding 7  p          Params
// grid       ⌈(H + 2·K)·D/64⌉ × T workgroups of 64 threads
// numerics   f32

struct Params { heads: u32, kv_heads: u32, head_dim: u32, flags: u32 }

@group(0) @binding(0) var<storage, read> dq: array<f32>;
@group(0) @binding(1) var<storage, read> dk: array<f32>;
@group(0) @binding(2) var<storage, read> dv: array<f32>;
@group(0) @binding(3) var<storage, read> angles: array<f32>;
@group(0) @binding(4) var<storage, read> positions: array<u32>;
@group(0) @binding(5) var<storage, read> rows: array<u32>;
@group(0) @binding(6) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(7) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let t = wg.y;
  let c = wg.x * 64 + i;
  let q_width = p.heads * p.head_dim;
  let kv_width = p.kv_heads * p.head_dim;
  let width = q_width + 2 * kv_width;
  if (c >= width) { return; }
  let to = t * width + c;
  if (c >= q_width + kv_width) {
    if ((p.flags & 4) == 0) { dqkv[to] = 0; return; }
    dqkv[to] = dv[rows[t] * kv_width + c - q_width - kv_width];
    return;
  }
  let is_q = c < q_width;
  if ((p.flags & select(2u, 1u, is_q)) == 0) { dqkv[to] = 0; return; }
  let half = p.head_dim / 2;
  let d = c % p.head_dim;
  let first = d < half;
  var value: f32;
  var partner: f32;
  if (is_q) {
    let at = t * q_width + c;
    value = dq[at];
    partner = dq[select(at - half, at + half, first)];
  } else {
    let at = rows[t] * kv_width + c - q_width;
    value = dk[at];
    partner = dk[select(at - half, at + half, first)];
  }
  let turn = positions[t] * p.head_dim + d % half;
  dqkv[to] = value * angles[turn] + select(-partner, partner, first) * angles[turn + half];
}
