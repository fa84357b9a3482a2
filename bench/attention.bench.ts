import type { Scalar } from "../src/gpu/index.ts";
import { EagerOps } from "../src/kernels/index.ts";
import { attend, attentionFlops, masks } from "./gates.ts";
import type { Bench, Case } from "./harness.ts";
import { scalars } from "./products.ts";

/** A prompt's attention, under each mask; the last column is what the mask costs or saves. */
export default async function attention(b: Bench): Promise<void> {
  for (const scalar of scalars(b)) await b.measure(() => prefill(b, scalar));
}

/** A causal T × T: half of the pairs. q, k, v and z are each moved once; a head that is off only writes its zeros. */
export function prefill(b: Bench, scalar: Scalar): Case[] {
  const { tokens, heads, headDim } = b.sizes;
  const width = heads * headDim;
  const q = b.input("q", [tokens, width]);
  const k = b.input("k", [tokens, width]);
  const v = b.input("v", [tokens, width]);
  const whole = { query: 0, queries: tokens, key: 0, keys: tokens, first: 0, gate: 0 };
  const tiles = b.own(new EagerOps(b.gpu, "tiles")).attentionTiles([whole]);
  const o = { heads, kvHeads: heads, headDim, causal: true, tiles };
  return masks(b, 1).map((mask) => ({
    shape: `T ${tokens} · H ${heads} · D ${headDim} · ${mask.name}`,
    flops: attentionFlops((tokens * (tokens + 1)) / 2, b, mask),
    bytes: 4 * tokens * width * (3 * mask.share + 1),
    scalar,
    run: (ops) => ops.attention(q.tensor, k.tensor, v.tensor, { ...o, gates: mask.gates }),
    want(i) {
      const [t, c] = [Math.floor(i / width), i % width];
      const head = Math.floor(c / headDim);
      if (!mask.on(head)) return 0;
      return attend(
        t + 1,
        headDim,
        (d) => q.at(t * width + head * headDim + d),
        (key, d) => k.at(key * width + head * headDim + d),
        (key) => v.at(key * width + c),
      );
    },
  }));
}
