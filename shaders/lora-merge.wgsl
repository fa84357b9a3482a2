// lora-merge: W ← round(W + b · a), to the type that W is stored in, ties to even
//
// binding 0  a  [R, C] f32
// binding 1  b  [N, R] f32
// binding 2  w  [N, C] f32, f16 or bf16 as W_TYPE says, packed in u32; where b · a is 0 the bits stay as they are
// binding 3  p  Params
// grid       a thread a word of w: ⌈words/64⌉ workgroups of 64, folded into two dimensions
// override   W_TYPE 0 f32, 1 f16, 2 bf16
// numerics   products and sums in f32; rounded in integers, since WGSL leaves open which way pack2x16float rounds

struct Params { n: u32, width: u32, rank: u32 }

override W_TYPE: u32 = 0;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> w: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

// element e of b · a
fn learned(e: u32) -> f32 {
  let row = e / p.width;
  let column = e % p.width;
  var sum = 0.0;
  for (var r = 0u; r < p.rank; r++) { sum += b[row * p.rank + r] * a[r * p.width + column]; }
  return sum;
}

// right shift of m by 1 … 31 bits, to the nearest, ties to even
fn shifted(m: u32, bits: u32) -> u32 { return (m + (1u << (bits - 1)) - 1 + ((m >> bits) & 1)) >> bits; }

// what is below 2⁻¹⁴ counts in units of 2⁻²⁴; from 65520 on it is infinite
fn f16_bits(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let sign = (bits >> 16) & 0x8000;
  let size = bits & 0x7fffffff;
  let exponent = size >> 23;
  if (exponent < 102) { return sign; }
  if (exponent < 113) { return sign | shifted((size & 0x7fffff) | 0x800000, 126 - exponent); }
  return sign | min(shifted(size, 13) - (112u << 10), 0x7c00u);
}

// one half of a word of w, with what is learned
fn merged(half: u32, d: f32) -> u32 {
  if (d == 0) { return half; }
  if (W_TYPE == 1) { return f16_bits(unpack2x16float(half).x + d); }
  return shifted(bitcast<u32>(bitcast<f32>(half << 16) + d), 16);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let at = (wg.y * grid.x + wg.x) * 64 + i;
  let elements = p.n * p.width;
  if (W_TYPE == 0) {
    if (at >= elements) { return; }
    let d = learned(at);
    if (d != 0) { w[at] = bitcast<u32>(bitcast<f32>(w[at]) + d); }
  } else {
    let e = at * 2;
    if (e >= elements) { return; }
    let word = w[at];
    var upper = 0.0; // an odd last word's other half is padding
    if (e + 1 < elements) { upper = learned(e + 1); }
    w[at] = merged(word & 0xffff, learned(e)) | (merged(word >> 16, upper) << 16);
  }
}
