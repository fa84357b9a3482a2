import type { Bench } from "./harness.ts";
import { normalIntegral } from "./normal.ts";

/** T·F read and written, of the audio encoder; Φ counts as 20 operations, by the polynomial that the kernel takes. */
export default async function gelu(b: Bench): Promise<void> {
  const rows = b.sizes.frames / 2; // what the encoder's strided convolution leaves
  const ffn = 4 * b.sizes.audioWidth;
  await b.measure(() => {
    const x = b.input("x", [rows, ffn]);
    return {
      shape: `T ${rows} · F ${ffn}`,
      flops: 21 * rows * ffn,
      bytes: 4 * 2 * rows * ffn,
      run: (ops) => ops.gelu(x.tensor),
      want: (i) => x.at(i) * normalIntegral(x.at(i)),
    };
  });
}
