import type { Bench } from "./harness.ts";

/** 2·T·F read, T·F written; an exponential, a sum, a division and a product each. */
export default async function swiglu(b: Bench): Promise<void> {
  const { tokens, ffn } = b.sizes;
  for (const rows of [1, tokens])
    await b.measure(() => {
      const x = b.input("x", [rows, 2 * ffn]);
      return {
        shape: `T ${rows} · F ${ffn}`,
        flops: 4 * rows * ffn,
        bytes: 4 * 3 * rows * ffn,
        run: (ops) => ops.swiglu(x.tensor),
        want(i) {
          const at = Math.floor(i / ffn) * 2 * ffn + (i % ffn);
          return (x.at(at) / (1 + Math.exp(-x.at(at)))) * x.at(at + ffn);
        },
      };
    });
}
