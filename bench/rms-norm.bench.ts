import type { Bench } from "./harness.ts";

const EPS = 1e-6;

/** T·C read and written; a square and a sum, then two products each. */
export default async function rmsNorm(b: Bench): Promise<void> {
  const { tokens, width } = b.sizes;
  for (const rows of [1, tokens])
    await b.measure(() => {
      const x = b.input("x", [rows, width]);
      const weight = b.input("weight", [width]);
      return {
        shape: `T ${rows} · C ${width}`,
        flops: 4 * rows * width,
        bytes: 4 * (2 * rows * width + width),
        run: (ops) => ops.rmsNorm(x.tensor, weight.tensor, EPS),
        want(i) {
          const at = i - (i % width);
          let squares = 0;
          for (let c = 0; c < width; c++) squares += x.at(at + c) ** 2;
          return (x.at(i) / Math.sqrt(squares / width + EPS)) * weight.at(i % width);
        },
      };
    });
}
