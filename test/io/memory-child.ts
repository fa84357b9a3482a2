/**
 * Loads the checkpoint in a folder and prints one line of JSON: the most bytes of JavaScript heap and external memory
 * (which counts array buffers) seen on the way, and the bytes that arrived. A process of its own, so that nothing else counts.
 */
import { openGpu } from "../../src/gpu/gpu.ts";
import type { DType } from "../../src/gpu/tensor.ts";
import { openCheckpoint } from "../../src/io/checkpoint.ts";
import { openFolder } from "../../src/io/files-node.ts";
import { conv, loadWeights, matrix, type Param, type Uploader, vector } from "../../src/io/load.ts";

const [location = "", target = ""] = process.argv.slice(2);

let peak = 0;
let arrived = 0;
let pending = 0;
function sample(): void {
  const { heapUsed, external } = process.memoryUsage();
  peak = Math.max(peak, heapUsed + external);
}

/** `gpu`, watched. */
const watched = <T>(gpu: Uploader<T>): Uploader<T> => ({
  tensor: (label, shape, dtype) => gpu.tensor(label, shape, dtype),
  write(tensor, bytes, offset) {
    gpu.write(tensor, bytes, offset);
    arrived += bytes.length;
    pending += bytes.length;
    if (pending > 64 * 2 ** 20) throw new Error(`${pending} bytes were written without a drain`);
    sample();
  },
  async drain() {
    await gpu.drain();
    pending = 0;
    sample();
  },
});

const nothing: Uploader<{ dispose(): void }> = {
  tensor: (_label: string, _shape: readonly number[], _dtype: DType) => ({ dispose() {} }),
  write() {},
  async drain() {},
};

const checkpoint = await openCheckpoint(openFolder(location));
const tree: Record<string, Param> = {};
for (const { name, shape } of checkpoint.tensors.values()) {
  const [a = 1, b = 1, c = 1] = shape;
  tree[name] =
    shape.length === 1 ? vector(name, a) : shape.length === 2 ? matrix(name, [a, b]) : conv(name, [a, b, c]);
}
if (target === "gpu") {
  const gpu = await openGpu();
  const loaded = await loadWeights(watched(gpu), checkpoint, tree);
  for (const tensor of Object.values(loaded)) tensor.dispose();
  gpu.dispose();
} else {
  await loadWeights(watched(nothing), checkpoint, tree);
}
await checkpoint.close();
sample();
console.log(JSON.stringify({ peak, arrived }));
