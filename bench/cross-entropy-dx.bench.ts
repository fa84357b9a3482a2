import { crossEntropy, crossEntropyDx, EagerOps } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";
import { STORED } from "./products.ts";
import { projection } from "./vocabulary.ts";

/** Two products of 2·T·V·C operations, since logits are computed again, and five a logit; x, W and dx are moved once. */
export default async function crossEntropyGradient(b: Bench): Promise<void> {
  const { vocab, width } = b.sizes;
  for (const dtype of STORED)
    await b.measure(() => {
      const { x, w, targets, targetTensor, rows, shape, softmax } = projection(b, dtype);
      const dloss = b.input("dloss", [rows]);
      const forward = b.own(new EagerOps(b.gpu, "forward"));
      const { state } = crossEntropy(forward, x.tensor, w.tensor, targetTensor);
      forward.submit();
      return {
        shape,
        flops: 4 * rows * vocab * width + 5 * rows * vocab,
        bytes: 2 * x.tensor.byteLength + w.tensor.byteLength + 4 * 4 * rows,
        run: (ops) => crossEntropyDx(ops, dloss.tensor, x.tensor, w.tensor, targetTensor, state),
        want(i) {
          const [t, c] = [Math.floor(i / width), i % width];
          const { share } = softmax(t);
          let sum = -w.at(targets[t]! * width + c);
          for (let v = 0; v < vocab; v++) sum += share(v) * w.at(v * width + c);
          return dloss.at(t) * sum;
        },
      };
    });
}
