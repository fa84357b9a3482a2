import type { Bench } from "./harness.ts";
import { normalIntegral } from "./normal.ts";
import { scalars } from "./products.ts";

const TAPS = 128; // as BEATs
const GROUPS = 16;

/** BEATs' convolution over the positions of a clip: 2·T·C·taps·C/G operations; x, W and y are each moved once. */
export default async function posConv(b: Bench): Promise<void> {
  const { frames, audioWidth } = b.sizes;
  const rows = frames / 2; // as many as BEATs' patches: 8 for each 16 frames
  const group = audioWidth / GROUPS;
  const k = TAPS * group;
  for (const scalar of scalars(b))
    await b.measure(() => {
      const x = b.input("x", [rows, audioWidth]);
      const w = b.input("w", [audioWidth, k], "f32", 1 / 32);
      const bias = b.input("bias", [audioWidth]);
      const y = b.own(b.gpu.tensor("y", [rows, audioWidth]));
      return {
        shape: `T ${rows} · C ${audioWidth} · G ${GROUPS} · ${TAPS} taps`,
        flops: 2 * rows * audioWidth * k,
        bytes: x.tensor.byteLength + w.tensor.byteLength + y.byteLength,
        scalar,
        run(ops) {
          ops.posConv(x.tensor, w.tensor, y, 0, rows, { bias: bias.tensor, taps: TAPS, groups: GROUPS });
          return y;
        },
        want(i) {
          const [t, o] = [Math.floor(i / audioWidth), i % audioWidth];
          let v = bias.at(o);
          for (let tap = 0; tap < TAPS; tap++) {
            const at = t + tap - TAPS / 2;
            if (at < 0 || at >= rows) continue;
            const first = at * audioWidth + o - (o % group);
            for (let c = 0; c < group; c++) v += x.at(first + c) * w.at(o * k + tap * group + c);
          }
          return v * normalIntegral(v);
        },
      };
    });
}
