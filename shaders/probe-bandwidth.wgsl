// probe-bandwidth: y = x, sixteen bytes at a time: what it reaches is the most that this device's memory gives a shader.
//
// binding 0  x       [n, 4] f32
// binding 1  y       [n, 4] f32
// binding 2  p       Params
// grid       as many workgroups of WG threads as keep the device busy; all together step through x
// override   WG      threads of a workgroup
// numerics   none: bytes are copied

struct Params { n: u32 }

override WG: u32 = 256;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  for (var at = wg.x * WG + i; at < p.n; at += grid.x * WG) { y[at] = x[at]; }
}
