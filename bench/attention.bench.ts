import type { Scalar } from "../src/gpu/index.ts";
import { EagerOps } from "../src/kernels/index.ts";
import { attend, attentionFlops, masks, probabilities } from "./gates.ts";
import type { Bench, Case } from "./harness.ts";
import { scalars } from "./products.ts";

/** A prompt's attention under each mask, and an encoder's with a bias; the last column is what mask and bias cost or save. */
export default async function attention(b: Bench): Promise<void> {
  for (const scalar of scalars(b)) {
    await b.measure(() => prefill(b, scalar));
    await b.measure(() => encoder(b, scalar));
  }
}

const HEAD_DIM = 64; // as BEATs

/** A bidirectional T × T, without and with a bias by distance and query. */
function encoder(b: Bench, scalar: Scalar): Case[] {
  const tokens = b.sizes.frames / 2; // as many as BEATs' patches: 8 for each 16 frames
  const width = b.sizes.audioWidth;
  const heads = width / HEAD_DIM;
  const distances = 2 * tokens - 1;
  const [q, k, v] = [
    b.input("q", [tokens, width]),
    b.input("k", [tokens, width]),
    b.input("v", [tokens, width]),
  ];
  const bias = b.input("bias", [heads * (distances + tokens)]);
  const whole = { query: 0, queries: tokens, key: 0, keys: tokens, first: 0, gate: 0 };
  const tiles = b.own(new EagerOps(b.gpu, "tiles")).attentionTiles([whole]);
  const o = { heads, kvHeads: heads, headDim: HEAD_DIM, causal: false, tiles };
  return [undefined, bias].map((added) => ({
    shape: `T ${tokens} · H ${heads} · D ${HEAD_DIM} · ${added ? "bias" : "no bias"}`,
    flops: 4 * HEAD_DIM * tokens ** 2 * heads,
    bytes: 4 * 4 * tokens * width + (added?.tensor.byteLength ?? 0),
    scalar,
    run: (ops) => ops.attention(q.tensor, k.tensor, v.tensor, { ...o, bias: added?.tensor }),
    want(i) {
      const [t, c] = [Math.floor(i / width), i % width];
      const head = Math.floor(c / HEAD_DIM);
      const weights = probabilities(tokens, (key) => {
        let score = 0;
        for (let d = head * HEAD_DIM; d < (head + 1) * HEAD_DIM; d++)
          score += q.at(t * width + d) * k.at(key * width + d);
        const position = added
          ? added.at(heads * (distances + t) + head) * added.at(head * distances + tokens - 1 + key - t)
          : 0;
        return score / Math.sqrt(HEAD_DIM) + position;
      });
      return weights.reduce((z, weight, key) => z + weight * v.at(key * width + c), 0);
    },
  }));
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
