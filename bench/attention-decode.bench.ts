import { attend, attentionFlops, masks } from "./gates.ts";
import type { Bench, Case } from "./harness.ts";

/** One step's attention over the cache, under each mask; the last column is what the mask costs or saves. */
export default async function attentionDecode(b: Bench): Promise<void> {
  for (const batch of [1, 8]) await b.measure(() => decodeStep(b, batch));
}

/** One query a sequence over S keys. Its keys and values are each moved once, unless their head is off. */
export function decodeStep(b: Bench, batch: number): Case[] {
  const { cache, heads, headDim } = b.sizes;
  const width = heads * headDim;
  const q = b.input("q", [batch, width]);
  const k = b.input("k", [batch * cache, width]);
  const v = b.input("v", [batch * cache, width]);
  const table = b.upload(
    "table",
    [batch, cache],
    Uint32Array.from({ length: batch * cache }, (_, i) => i),
  );
  const last = b.upload("last", [batch], new Uint32Array(batch).fill(cache - 1));
  const o = { heads, kvHeads: heads, headDim, table, last };
  return masks(b, batch).map((mask) => ({
    shape: `B ${batch} · S ${cache} · H ${heads} · D ${headDim} · ${mask.name}`,
    flops: attentionFlops(batch * cache, b, mask),
    bytes: 4 * batch * width * (2 * cache * mask.share + 2),
    run: (ops) => ops.attentionDecode(q.tensor, k.tensor, v.tensor, { ...o, gates: mask.gates }),
    want(i) {
      const [sequence, c] = [Math.floor(i / width), i % width];
      const head = Math.floor(c / headDim);
      if (!mask.on(head)) return 0;
      const row = (key: number) => (sequence * cache + key) * width;
      return attend(
        cache,
        headDim,
        (d) => q.at(sequence * width + head * headDim + d),
        (key, d) => k.at(row(key) + head * headDim + d),
        (key) => v.at(row(key) + c),
      );
    },
  }));
}
