import { ropeAngles, ropeDx } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";

const THETA = 10_000;

/** dq, dk and dv read and written once, with D angles a token; two products and a sum for each element of q and k. */
export default async function ropeGradient(b: Bench): Promise<void> {
  const { tokens, heads, headDim } = b.sizes;
  const width = heads * headDim;
  await b.measure(() => {
    const d = ["dq", "dk", "dv"].map((label) => b.input(label, [tokens, width]));
    const [dq, dk, dv] = d.map(({ tensor }) => tensor);
    const where = b.upload(
      "positions",
      [tokens],
      Uint32Array.from({ length: tokens }, (_, t) => t),
    );
    const angles = b.own(ropeAngles(b.gpu, tokens, headDim, THETA));
    const o = { heads, kvHeads: heads, headDim, angles, positions: where, rows: where };
    return {
      shape: `T ${tokens} · H ${heads} · D ${headDim}`,
      flops: 3 * 2 * tokens * width,
      bytes: 4 * (2 * 3 * tokens * width + tokens * headDim),
      run: (ops) => ropeDx(ops, dq, dk, dv, o),
      want(i) {
        const [t, which, c] = [Math.floor(i / (3 * width)), Math.floor(i / width) % 3, i % width];
        const from = d[which]!;
        const at = t * width + c;
        if (which === 2) return from.at(at);
        const half = headDim / 2;
        const angle = t * THETA ** ((-2 * (c % half)) / headDim); // D is twice `half`: both halves turn alike
        const turned = c % headDim < half ? from.at(at + half) : -from.at(at - half);
        return from.at(at) * Math.cos(angle) + turned * Math.sin(angle);
      },
    };
  });
}
