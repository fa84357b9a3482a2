// layer-norm-dx: dx = s·(g − mean(g) − n·mean(g·n)) over each row,
//   with g = dy·weight, s = 1 / √(var(x) + eps), n = (x − mean(x))·s
//
// binding 0  dy      [T, C] f32
// binding 1  x       [T, C] f32   what the forward was given
// binding 2  weight  [C] f32
// binding 3  dx      [T, C] f32
// binding 4  p       Params
// grid       T workgroups of WG threads, folded into two dimensions
// override   WG      threads a row, a power of two
// numerics   f32; the variance and Σ g·n in a second pass, from x − mean

struct Params { rows: u32, width: u32, eps: f32 }

override WG: u32 = 64;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

var<workgroup> partial: array<vec2f, WG>;

fn totals(i: u32, values: vec2f) -> vec2f {
  partial[i] = values;
  for (var half = WG / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (i < half) { partial[i] += partial[i + half]; }
  }
  return workgroupUniformLoad(&partial[0]);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) i: u32) {
  let row = wg.y * grid.x + wg.x;
  let at = min(row, p.rows - 1) * p.width; // every thread reaches the barriers
  var sums = vec2f();
  for (var c = i; c < p.width; c += WG) { sums += vec2f(x[at + c], dy[at + c] * weight[c]); }
  let means = totals(i, sums) / f32(p.width); // of x and g
  var products = vec2f();
  for (var c = i; c < p.width; c += WG) {
    let centred = x[at + c] - means.x;
    products += centred * vec2f(centred, dy[at + c] * weight[c]);
  }
  let moments = totals(i, products) / f32(p.width); // the variance, and mean(g·n) / s
  let scale = 1 / sqrt(moments.x + p.eps);
  let along = scale * scale * moments.y;
  if (row < p.rows) {
    for (var c = i; c < p.width; c += WG) {
      dx[at + c] = scale * (dy[at + c] * weight[c] - means.y - (x[at + c] - means.x) * along);
    }
  }
}
