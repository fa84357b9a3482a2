import type { Bench } from "./harness.ts";
import { product, STORED, scalars, weights } from "./products.ts";

/** A layer's products for a prompt: many rows. */
export default async function matmul(b: Bench): Promise<void> {
  for (const [n, k] of weights(b))
    for (const dtype of STORED)
      for (const scalar of scalars(b)) await b.measure(() => product(b, b.sizes.tokens, n, k, dtype, scalar));
}
