// matmul-dx-cpu: dx = dy · W + residual, as matmul-dx, where a CPU plays the GPU: registers only, no barrier
//
// binding 0  dy        [M, dy_stride] f32      columns n0 … n0 + N − 1 count
// binding 1  w         [N, K] f32, f16 or bf16 as W_TYPE says, packed in u32
// binding 2  residual  [M, K] f32
// binding 3  dx        [M, K] f32
// binding 4  p         Params
// grid       ⌈K/32⌉ × ⌈M/8⌉ workgroups of 8 threads; a thread computes 8 × 4 results
// override   W_TYPE    0 f32, 1 f16, 2 bf16
// override   ALIGNED   K, N, dy_stride and n0 are multiples of 4, so that vec4s never straddle a row's end
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

const THREADS = 8u;
const ROWS = 8u; // of dy that a thread holds

fn w1(e: u32) -> f32 {
  if (W_TYPE == 0) { return bitcast<f32>(w[e >> 1][e & 1]); }
  let word = w[e >> 2][(e >> 1) & 1];
  if (W_TYPE == 1) { return unpack2x16float(word)[e & 1]; }
  return bitcast<f32>(select(word << 16, word & 0xffff0000u, (e & 1) == 1));
}

// Columns and, below, rows beyond the last repeat it, which takes no branch, and are not written.
fn load_w(n: u32, k: u32) -> vec4f {
  if (!ALIGNED) {
    var v = vec4f();
    if (n >= p.n || k >= p.k) { return v; }
    for (var i = 0u; i < min(4, p.k - k); i++) { v[i] = w1(n * p.k + k + i); }
    return v;
  }
  let e = n * p.k + min(k, p.k - 4);
  if (W_TYPE == 0) { return bitcast<vec4f>(vec4u(w[e >> 1], w[(e >> 1) + 1])); }
  let pair = w[e >> 2];
  if (W_TYPE == 1) { return vec4f(unpack2x16float(pair.x), unpack2x16float(pair.y)); }
  return bitcast<vec4f>(vec4u(pair.x << 16, pair.x & 0xffff0000u, pair.y << 16, pair.y & 0xffff0000u));
}

fn load_dy(m: u32, n: u32) -> vec4f {
  let e = min(m, p.m - 1) * p.dy_stride + p.n0 + n;
  if (ALIGNED) { return dy[e >> 2]; }
  var v = vec4f();
  for (var i = 0u; i < min(4, p.n - n); i++) { v[i] = dy[(e + i) >> 2][(e + i) & 3]; }
  return v;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let m0 = wg.y * ROWS;
  let k = (wg.x * THREADS + i) * 4;
  var acc: array<vec4f, ROWS>;
  for (var n = 0u; n < p.n; n += 4) {
    let b0 = load_w(n, k);
    let b1 = load_w(n + 1, k);
    let b2 = load_w(n + 2, k);
    let b3 = load_w(n + 3, k);
    for (var r = 0u; r < ROWS; r++) {
      let d = load_dy(m0 + r, n);
      acc[r] += d.x * b0 + d.y * b1 + d.z * b2 + d.w * b3;
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    for (var c = 0u; c < 4; c++) {
      if (m0 + r < p.m && k + c < p.k) {
        let out = (m0 + r) * p.k + k + c;
        var v = acc[r][c];
        if ((p.flags & 1) != 0) { v += residual[out]; }
        if ((p.flags & 2) != 0) { v += dx[out]; }
        dx[out] = v;
      }
    }
  }
}
