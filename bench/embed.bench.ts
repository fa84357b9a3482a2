import type { Bench } from "./harness.ts";
import { STORED } from "./products.ts";

/** T rows of the table read, T rows written; nothing computed. */
export default async function embed(b: Bench): Promise<void> {
  const { tokens, vocab, width } = b.sizes;
  for (const dtype of STORED)
    await b.measure(() => {
      const table = b.input("table", [vocab, width], dtype);
      const ids = Uint32Array.from({ length: tokens }, (_, t) => (t * 7919) % vocab);
      const idTensor = b.upload("ids", [tokens], ids);
      return {
        shape: `T ${tokens} · V ${vocab} · C ${width} · ${dtype}`,
        flops: 0,
        bytes: (tokens * table.tensor.byteLength) / vocab + 4 * tokens * width,
        run: (ops) => ops.embed(table.tensor, idTensor),
        want: (i) => table.at(ids[Math.floor(i / width)]! * width + (i % width)),
      };
    });
}
