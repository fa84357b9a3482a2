// A kernel of one's own between the library's: softmax of the logits of a random linear layer, checked on the CPU.
import { defineKernel, EagerOps, openGpu } from "ahamask";

const softmax = defineKernel(
  "softmax",
  `struct Params { width: u32 }
   @group(0) @binding(0) var<storage, read> x: array<f32>;
   @group(0) @binding(1) var<storage, read_write> y: array<f32>;
   @group(0) @binding(2) var<uniform> p: Params;
   @compute @workgroup_size(1) fn main(@builtin(workgroup_id) wg: vec3u) {
     let at = wg.x * p.width;
     var top = x[at];
     for (var c = 1u; c < p.width; c++) { top = max(top, x[at + c]); }
     var sum = 0.0;
     for (var c = 0u; c < p.width; c++) { sum += exp(x[at + c] - top); }
     for (var c = 0u; c < p.width; c++) { y[at + c] = exp(x[at + c] - top) / sum; }
   }`,
);

const [rows, inner, width] = [4, 32, 10];
const random = (n: number) => Float32Array.from({ length: n }, () => Math.random() - 0.5);

using gpu = await openGpu();
using ops = new EagerOps(gpu, "example");
const x = ops.upload("x", [rows, inner], random(rows * inner));
const w = ops.upload("w", [width, inner], random(width * inner));
const logits = ops.matmul(x, w);
const y = ops.tensor("probabilities", [rows, width]);
ops.recorder.dispatch(softmax, { bind: { x: logits, y }, params: { width }, grid: [rows] });

const probabilities = new Float32Array(await ops.submit(y));
for (let r = 0; r < rows; r++) {
  const row = probabilities.subarray(r * width, (r + 1) * width);
  const sum = row.reduce((a, b) => a + b, 0);
  console.log([...row].map((p) => p.toFixed(3)).join(" "), " sum", sum.toFixed(4));
  if (Math.abs(sum - 1) > 1e-5) throw new Error("probabilities must sum to 1");
}
