import { layerNormDx } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";

const EPS = 1e-5;

/** dy and x read, dx written; four sums over a row with three products, then five products and three differences. */
export default async function layerNormGradient(b: Bench): Promise<void> {
  const width = b.sizes.audioWidth;
  const rows = b.sizes.frames / 2; // what the encoder's strided convolution leaves
  await b.measure(() => {
    const [dy, x] = [b.input("dy", [rows, width]), b.input("x", [rows, width])];
    const weight = b.input("weight", [width]);
    return {
      shape: `T ${rows} · C ${width}`,
      flops: 15 * rows * width,
      bytes: 4 * (3 * rows * width + width),
      run: (ops) => layerNormDx(ops, dy.tensor, x.tensor, weight.tensor, EPS),
      want(i) {
        const at = i - (i % width);
        const g = (c: number) => dy.at(at + c) * weight.at(c);
        let [sum, squares, level, along] = [0, 0, 0, 0];
        for (let c = 0; c < width; c++) {
          sum += x.at(at + c);
          squares += x.at(at + c) ** 2;
          level += g(c);
          along += g(c) * x.at(at + c);
        }
        const mean = sum / width;
        const scale = 1 / Math.sqrt(squares / width - mean ** 2 + EPS);
        const normal = (x.at(i) - mean) * scale;
        return (scale * (width * g(i % width) - level - normal * scale * (along - mean * level))) / width;
      },
    };
  });
}
