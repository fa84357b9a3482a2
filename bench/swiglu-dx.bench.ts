import { swigluDx } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";

/** 3·T·F read, 2·T·F written; an exponential, a sum, two divisions and seven products and sums for each pair. */
export default async function swigluGradient(b: Bench): Promise<void> {
  const { tokens, ffn } = b.sizes;
  await b.measure(() => {
    const [dy, x] = [b.input("dy", [tokens, ffn]), b.input("x", [tokens, 2 * ffn])];
    return {
      shape: `T ${tokens} · F ${ffn}`,
      flops: 11 * tokens * ffn,
      bytes: 4 * 5 * tokens * ffn,
      run: (ops) => swigluDx(ops, dy.tensor, x.tensor),
      want(i) {
        const [t, c] = [Math.floor(i / (2 * ffn)), i % ffn];
        const [gate, up] = [x.at(t * 2 * ffn + c), x.at(t * 2 * ffn + ffn + c)];
        const open = 1 / (1 + Math.exp(-gate));
        const isGate = i % (2 * ffn) < ffn;
        return dy.at(t * ffn + c) * open * (isGate ? up * (1 + gate * (1 - open)) : gate);
      },
    };
  });
}
