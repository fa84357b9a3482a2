import { loraMerge } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";
import { STORED } from "./products.ts";

const RANK = 8; // SALMONN's; q's and v's stand beside each other

/** A layer's LoRA onto its q, k and v: 2·N·R·C operations; the weight is read and written, both factors read. */
export default async function loraMerging(b: Bench): Promise<void> {
  const { width } = b.sizes;
  const [n, rank] = [3 * width, 2 * RANK];
  for (const dtype of STORED)
    await b.measure(() => {
      const w = b.input("w", [n, width], dtype);
      const [up, down] = [b.input("a", [rank, width]), b.input("b", [n, rank], "f32", 2 ** -8)];
      return {
        shape: `N ${n} · C ${width} · R ${rank} · ${dtype}`,
        flops: 2 * n * rank * width,
        bytes: 2 * w.tensor.byteLength + up.tensor.byteLength + down.tensor.byteLength,
        run(ops) {
          loraMerge(ops, w.tensor, up.tensor, down.tensor);
          return w.tensor;
        },
        want(i) {
          const [row, column] = [Math.floor(i / width), i % width];
          let sum = w.at(i);
          for (let r = 0; r < rank; r++) sum += down.at(row * rank + r) * up.at(r * width + column);
          return sum;
        },
      };
    });
}
