import { geluDx } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";
import { normalDensity, normalIntegral } from "./normal.ts";

/** Two T·F read, one written, of the audio encoder; Φ counts as 20 operations and φ, which shares its exponential, as 2. */
export default async function geluGradient(b: Bench): Promise<void> {
  const rows = b.sizes.frames / 2; // what the encoder's strided convolution leaves
  const ffn = 4 * b.sizes.audioWidth;
  await b.measure(() => {
    const [dy, x] = [b.input("dy", [rows, ffn]), b.input("x", [rows, ffn])];
    return {
      shape: `T ${rows} · F ${ffn}`,
      flops: 25 * rows * ffn,
      bytes: 4 * 3 * rows * ffn,
      run: (ops) => geluDx(ops, dy.tensor, x.tensor),
      want: (i) => dy.at(i) * (normalIntegral(x.at(i)) + x.at(i) * normalDensity(x.at(i))),
    };
  });
}
