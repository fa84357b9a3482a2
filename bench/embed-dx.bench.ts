import { embedDx } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";

const PICKED = 160; // rows: the answers' tokens of a batch

/** What learning takes out of the hidden states, put back: PICKED rows of dy read, added to as many of T; a sum each. */
export default async function embedGradient(b: Bench): Promise<void> {
  const { tokens, width } = b.sizes;
  await b.measure(() => {
    const dy = b.input("dy", [PICKED, width]);
    const table = b.input("dtable", [tokens, width]);
    const ids = Uint32Array.from({ length: PICKED }, (_, t) => (t * 7919) % tokens);
    const idTensor = b.upload("ids", [PICKED], ids);
    return {
      shape: `T ${PICKED} · V ${tokens} · C ${width}`,
      flops: PICKED * width,
      bytes: 4 * 3 * PICKED * width,
      run(ops) {
        embedDx(ops, dy.tensor, idTensor, table.tensor);
        return table.tensor;
      },
      want: (i) =>
        ids.reduce(
          (sum, id, t) => sum + (id === Math.floor(i / width) ? dy.at(t * width + (i % width)) : 0),
          table.at(i),
        ),
    };
  });
}
