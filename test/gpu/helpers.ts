import { defineKernel, type Kernel } from "../../src/gpu/index.ts";

/** y = x · factor, one thread an element; also the smallest example of what a shader declares. */
export const scale: Kernel = defineKernel(
  "scale",
  `struct Params { count: u32, shift: i32, factor: f32 }

override WG: u32 = 64;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < p.count) { y[id.x] = x[id.x] * p.factor + f32(p.shift); }
}
`,
);

/** The promise, or an error after some seconds: a test must not hang. */
export async function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened for ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
