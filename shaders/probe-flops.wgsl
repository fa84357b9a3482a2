// probe-flops: x ← x · factor + addend, `steps` times over, in eight independent vec4s a thread; y = the sum of all of
// them. Touches no memory in between: what it reaches is the most that this device's arithmetic gives a shader.
//
// binding 0  y       [threads] f32
// binding 1  p       Params
// grid       threads/WG workgroups of WG threads, folded into two dimensions
// override   WG      threads of a workgroup
// numerics   `scalar`; a thread does steps · 8 · 4 multiplications and as many additions

struct Params { threads: u32, steps: u32, factor: f32, addend: f32 }

override WG: u32 = 256;

@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let thread = (wg.y * grid.x + wg.x) * WG + i;
  let factor = vec4<scalar>(scalar(p.factor));
  let addend = vec4<scalar>(scalar(p.addend));
  let start = scalar(thread % 64) / 64;
  // Eight, to hide the latency of one behind the others; named one by one, since an array might leave the registers;
  // each begins elsewhere, or one would do for all.
  var a = vec4<scalar>(start);
  var b = a + 1;
  var c = a + 2;
  var d = a + 3;
  var e = a + 4;
  var f = a + 5;
  var g = a + 6;
  var h = a + 7;
  for (var step = 0u; step < p.steps; step++) {
    a = fma(a, factor, addend);
    b = fma(b, factor, addend);
    c = fma(c, factor, addend);
    d = fma(d, factor, addend);
    e = fma(e, factor, addend);
    f = fma(f, factor, addend);
    g = fma(g, factor, addend);
    h = fma(h, factor, addend);
  }
  if (thread < p.threads) { y[thread] = f32(dot(a + b + c + d + e + f + g + h, vec4<scalar>(1))); }
}
