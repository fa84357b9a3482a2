import { rmsNormDx } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";

const EPS = 1e-6;

/** dy and x read, dx written; three products and two sums for the row's sums, then four products and a difference. */
export default async function rmsNormGradient(b: Bench): Promise<void> {
  const { tokens, width } = b.sizes;
  await b.measure(() => {
    const [dy, x] = [b.input("dy", [tokens, width]), b.input("x", [tokens, width])];
    const weight = b.input("weight", [width]);
    return {
      shape: `T ${tokens} · C ${width}`,
      flops: 10 * tokens * width,
      bytes: 4 * (3 * tokens * width + width),
      run: (ops) => rmsNormDx(ops, dy.tensor, x.tensor, weight.tensor, EPS),
      want(i) {
        const at = i - (i % width);
        const g = (c: number) => dy.at(at + c) * weight.at(c);
        let [squares, along] = [0, 0];
        for (let c = 0; c < width; c++) {
          squares += x.at(at + c) ** 2;
          along += g(c) * x.at(at + c);
        }
        const scale = 1 / Math.sqrt(squares / width + EPS);
        return scale * (g(i % width) - (x.at(i) * scale ** 2 * along) / width);
      },
    };
  });
}
