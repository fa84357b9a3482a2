import type { DType, Scalar } from "../src/gpu/index.ts";
import type { Bench, Case } from "./harness.ts";

/** The products of a decoder's layer: [N, K] of the weight. */
export function weights({ sizes: { width, ffn } }: Bench): [n: number, k: number][] {
  return [
    [3 * width, width], // q, k, v
    [width, width], // output
    [2 * ffn, width], // gate, up
    [width, ffn], // down
  ];
}

/** y = x·Wᵀ: 2·M·N·K operations; x, W and y are each moved once. */
export function product(b: Bench, m: number, n: number, k: number, dtype: DType, scalar: Scalar): Case {
  const x = b.input("x", [m, k]);
  const w = b.input("w", [n, k], dtype);
  return {
    shape: `M ${m} · N ${n} · K ${k} · ${dtype}`,
    flops: 2 * m * n * k,
    bytes: 4 * m * k + w.tensor.byteLength + 4 * m * n,
    scalar,
    run: (ops) => ops.matmul(x.tensor, w.tensor),
    want(i) {
      const [row, column] = [Math.floor(i / n), i % n];
      let sum = 0;
      for (let c = 0; c < k; c++) sum += x.at(row * k + c) * w.at(column * k + c);
      return sum;
    },
  };
}

export const STORED = ["f32", "f16", "bf16"] as const satisfies readonly DType[];

/** What kernels may compute in on this device. */
export const scalars = ({ gpu }: Bench): Scalar[] =>
  gpu.features.has("shader-f16") ? ["f32", "f16"] : ["f32"];
