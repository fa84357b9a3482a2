import { matmulDx } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";
import { STORED, weights } from "./products.ts";

/** The gradients of a layer's products: dx = dy·W, 2·M·N·K operations; dy, W and dx are each moved once. */
export default async function matmulGradient(b: Bench): Promise<void> {
  const m = b.sizes.tokens;
  for (const [n, k] of weights(b))
    for (const dtype of STORED)
      await b.measure(() => {
        const dy = b.input("dy", [m, n]);
        const w = b.input("w", [n, k], dtype);
        return {
          shape: `M ${m} · N ${n} · K ${k} · ${dtype}`,
          flops: 2 * m * n * k,
          bytes: 4 * m * n + w.tensor.byteLength + 4 * m * k,
          run: (ops) => matmulDx(ops, dy.tensor, w.tensor),
          want(i) {
            const [row, column] = [Math.floor(i / k), i % k];
            let sum = 0;
            for (let c = 0; c < n; c++) sum += dy.at(row * n + c) * w.at(c * k + column);
            return sum;
          },
        };
      });
}
