import type { Bench } from "./harness.ts";

const EPS = 1e-5;

/** T·C read and written; mean, variance and two products and sums an element. */
export default async function layerNorm(b: Bench): Promise<void> {
  const width = b.sizes.audioWidth;
  const rows = b.sizes.frames / 2; // what the encoder's strided convolution leaves
  await b.measure(() => {
    const x = b.input("x", [rows, width]);
    const weight = b.input("weight", [width]);
    const bias = b.input("bias", [width]);
    return {
      shape: `T ${rows} · C ${width}`,
      flops: 8 * rows * width,
      bytes: 4 * (2 * rows * width + 2 * width),
      run: (ops) => ops.layerNorm(x.tensor, weight.tensor, bias.tensor, EPS),
      want(i) {
        const at = i - (i % width);
        let sum = 0;
        let squares = 0;
        for (let c = 0; c < width; c++) {
          sum += x.at(at + c);
          squares += x.at(at + c) ** 2;
        }
        const mean = sum / width;
        const scale = 1 / Math.sqrt(squares / width - mean ** 2 + EPS);
        return (x.at(i) - mean) * scale * weight.at(i % width) + bias.at(i % width);
      },
    };
  });
}
