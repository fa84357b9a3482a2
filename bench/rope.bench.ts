import { ropeAngles } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";

const THETA = 10_000;

/** q, k and v read and written once, with D angles a token; two products and a sum for each element of q and k. */
export default async function rope(b: Bench): Promise<void> {
  const { tokens, heads, headDim } = b.sizes;
  const width = heads * headDim;
  for (const rows of [1, tokens])
    await b.measure(() => {
      const qkv = b.input("qkv", [rows, 3 * width]);
      const numbers = Uint32Array.from({ length: rows }, (_, t) => t);
      const where = b.upload("positions", [rows], numbers);
      const angles = b.own(ropeAngles(b.gpu, rows, headDim, THETA));
      const k = b.own(b.gpu.tensor("k", [rows, width]));
      const v = b.own(b.gpu.tensor("v", [rows, width]));
      return {
        shape: `T ${rows} · H ${heads} · D ${headDim}`,
        flops: 3 * 2 * rows * width,
        bytes: 4 * (2 * 3 * rows * width + rows * headDim),
        run: (ops) =>
          ops.rope(qkv.tensor, k, v, {
            heads,
            kvHeads: heads,
            headDim,
            angles,
            positions: where,
            rows: where,
          }),
        want(i) {
          const [t, c] = [Math.floor(i / width), i % width];
          const d = c % headDim;
          const half = headDim / 2;
          const angle = t * THETA ** ((-2 * (d % half)) / headDim);
          const at = t * 3 * width + c;
          const turned = d < half ? -qkv.at(at + half) : qkv.at(at - half);
          return qkv.at(at) * Math.cos(angle) + turned * Math.sin(angle);
        },
      };
    });
}
