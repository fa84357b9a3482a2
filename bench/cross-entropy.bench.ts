import { crossEntropy } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";
import { STORED } from "./products.ts";
import { projection } from "./vocabulary.ts";

/** The projection's 2·T·V·C operations and an exponential and a sum a logit; x and W are moved once, logits not at all. */
export default async function crossEntropyLoss(b: Bench): Promise<void> {
  const { vocab, width } = b.sizes;
  for (const dtype of STORED)
    await b.measure(() => {
      const { x, w, targets, targetTensor, rows, shape, softmax } = projection(b, dtype);
      return {
        shape,
        flops: 2 * rows * vocab * width + 2 * rows * vocab,
        bytes: x.tensor.byteLength + w.tensor.byteLength + 2 * 4 * rows,
        run: (ops) => crossEntropy(ops, x.tensor, w.tensor, targetTensor).loss,
        want(t) {
          const { logit, lse } = softmax(t);
          return lse - logit(targets[t]!);
        },
      };
    });
}
