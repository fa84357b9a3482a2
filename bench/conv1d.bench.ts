import type { Bench } from "./harness.ts";
import { scalars } from "./products.ts";

const TAPS = 3;

/** The audio encoder's two convolutions: 2·T·O·taps·C operations; x, W and y are each moved once. */
export default async function conv1d(b: Bench): Promise<void> {
  const { frames, mels, audioWidth } = b.sizes;
  for (const [channels, stride] of [
    [mels, 1],
    [audioWidth, 2],
  ] as const)
    for (const scalar of scalars(b))
      await b.measure(() => {
        const outputs = frames / stride;
        const k = TAPS * channels;
        const x = b.input("x", [frames, channels]);
        const w = b.input("w", [audioWidth, k], "f16");
        const bias = b.input("bias", [audioWidth]);
        return {
          shape: `T ${frames} · C ${channels} · O ${audioWidth} · stride ${stride} · f16`,
          flops: 2 * outputs * audioWidth * k,
          bytes: x.tensor.byteLength + w.tensor.byteLength + 4 * outputs * audioWidth,
          scalar,
          run(ops) {
            const y = ops.tensor("y", [outputs, audioWidth]);
            ops.conv1d(x.tensor, w.tensor, y, 0, outputs, { bias: bias.tensor, taps: TAPS, stride });
            return y;
          },
          want(i) {
            const [t, o] = [Math.floor(i / audioWidth), i % audioWidth];
            let sum = bias.at(o);
            for (let c = 0; c < k; c++) {
              const at = (t * stride - 1) * channels + c; // one row of padding before the first
              if (at >= 0 && at < frames * channels) sum += x.at(at) * w.at(o * k + c);
            }
            return sum;
          },
        };
      });
}
