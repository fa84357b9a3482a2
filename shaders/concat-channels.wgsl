// concat-channels: y[t] = [a[t], b[t]], zeros for the rows that the shorter of the two does not have
//
// binding 0  a  [Ta, A] f32
// binding 1  b  [Tb, B] f32
// binding 2  y  [T, A + B] f32
// binding 3  p  Params
// grid       ⌈(A + B)/64⌉ × T workgroups of 64 threads
// numerics   f32

struct Params { a_rows: u32, a_width: u32, b_rows: u32, b_width: u32 }

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) i: u32) {
  let t = wg.y;
  let c = wg.x * 64 + i;
  let width = p.a_width + p.b_width;
  if (c >= width) { return; }
  var value = 0.0;
  if (c < p.a_width) {
    if (t < p.a_rows) { value = a[t * p.a_width + c]; }
  } else if (t < p.b_rows) {
    value = b[t * p.b_width + c - p.a_width];
  }
  y[t * width + c] = value;
}
