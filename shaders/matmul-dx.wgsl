// matmul-dx: dx = dy · W + residual, what `matmul` hands back to x; W is read as it is stored, never transposed in memory
//
// binding 0  dy        [M, dy_stride] f32      columns n0 … n0 + N − 1 count
// binding 1  w         [N, K] f32, f16 or bf16 as W_TYPE says, packed in u32
// binding 2  residual  [M, K] f32
// binding 3  dx        [M, K] f32
// binding 4  p         Params
// grid       ⌈K/64⌉ × ⌈M/64⌉ workgroups of 16 × 16 threads; a thread computes 4 × 4 results
// override   W_TYPE    0 f32, 1 f16, 2 bf16
// override   ALIGNED   K, dy_stride and n0 are multiples of 4, so that vec4s never straddle a row's end
// flags      1 residual, 2 add to what dx holds (the next rows of a weight larger than a binding): a sum
// numerics   products and sums in f32

struct Params { m: u32, n: u32, k: u32, n0: u32, dy_stride: u32, flags: u32 }

override W_TYPE: u32 = 0;
override ALIGNED: bool = true;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec2u>;
@group(0) @binding(2) var<storage, read> residual: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

const TILE = 64u;   // rows of dy and columns of W in a workgroup's tile
const DEPTH = 16u;  // rows of W held at a time
var<workgroup> ds: array<f32, TILE * (DEPTH + 1)>; // + 1: neighbouring rows start in different banks
var<workgroup> ws: array<vec4f, DEPTH * TILE / 4>;

fn w1(e: u32) -> f32 {
  if (W_TYPE == 0) { return bitcast<f32>(w[e >> 1][e & 1]); }
  let word = w[e >> 2][(e >> 1) & 1];
  if (W_TYPE == 1) { return unpack2x16float(word)[e & 1]; }
  return bitcast<f32>(select(word << 16, word & 0xffff0000u, (e & 1) == 1));
}

fn load_w(n: u32, k: u32) -> vec4f {
  if (n >= p.n || k >= p.k) { return vec4f(); }
  let e = n * p.k + k;
  if (!ALIGNED) {
    var v = vec4f();
    for (var i = 0u; i < min(4, p.k - k); i++) { v[i] = w1(e + i); }
    return v;
  }
  if (W_TYPE == 0) { return bitcast<vec4f>(vec4u(w[e >> 1], w[(e >> 1) + 1])); }
  let pair = w[e >> 2];
  if (W_TYPE == 1) { return vec4f(unpack2x16float(pair.x), unpack2x16float(pair.y)); }
  return bitcast<vec4f>(vec4u(pair.x << 16, pair.x & 0xffff0000u, pair.y << 16, pair.y & 0xffff0000u));
}

fn load_dy(m: u32, n: u32) -> vec4f {
  if (m >= p.m || n >= p.n) { return vec4f(); }
  let e = m * p.dy_stride + p.n0 + n;
  if (ALIGNED && n + 4 <= p.n) { return dy[e >> 2]; }
  var v = vec4f();
  for (var i = 0u; i < min(4, p.n - n); i++) { v[i] = dy[(e + i) >> 2][(e + i) & 3]; }
  return v;
}

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_id) t: vec3u, @builtin(local_invocation_index) i: u32) {
  let m0 = wg.y * TILE;
  let k0 = wg.x * TILE;
  var acc: array<vec4f, 4>;
  for (var n0 = 0u; n0 < p.n; n0 += DEPTH) {
    // 256 threads load 64 rows of 4 vec4s of dy, and 16 rows of 16 vec4s of W
    let row = i / 4;
    let part = (i % 4) * 4;
    let d = load_dy(m0 + row, n0 + part);
    for (var c = 0u; c < 4; c++) { ds[row * (DEPTH + 1) + part + c] = d[c]; }
    ws[i] = load_w(n0 + i / 16, k0 + (i % 16) * 4);
    workgroupBarrier();
    for (var n = 0u; n < DEPTH; n++) {
      let b = ws[n * 16 + t.x];
      for (var r = 0u; r < 4; r++) { acc[r] += ds[(t.y + 16 * r) * (DEPTH + 1) + n] * b; }
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 4; r++) {
    let row = m0 + t.y + 16 * r;
    for (var c = 0u; c < 4; c++) {
      let col = k0 + t.x * 4 + c;
      if (row < p.m && col < p.k) {
        let out = row * p.k + col;
        var v = acc[r][c];
        if ((p.flags & 1) != 0) { v += residual[out]; }
        if ((p.flags & 2) != 0) { v += dx[out]; }
        dx[out] = v;
      }
    }
  }
}
