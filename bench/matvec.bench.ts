import type { Bench } from "./harness.ts";
import { product, STORED, weights } from "./products.ts";

/** A layer's products and the vocabulary's for one decode step, of one sequence and of eight. */
export default async function matvec(b: Bench): Promise<void> {
  const { vocab, width } = b.sizes;
  for (const [n, k] of [...weights(b), [vocab, width] as const])
    for (const dtype of STORED)
      for (const m of [1, 8]) await b.measure(() => product(b, m, n, k, dtype, "f32"));
}
