import type { Bench } from "./harness.ts";

const K = 8;

/** B·V read; a comparison, an exponential and a sum each. The first case is the greedy choice, k = 1. */
export default async function topK(b: Bench): Promise<void> {
  const { vocab } = b.sizes;
  for (const rows of [1, 8])
    await b.measure(() => {
      const x = b.input("logits", [rows, vocab]);
      const falling = Array.from({ length: rows }, (_, r) =>
        Float32Array.from({ length: vocab }, (_, c) => x.at(r * vocab + c)).sort((p, q) => q - p),
      );
      const greatest = (r: number) => {
        let c = 0;
        while (x.at(r * vocab + c) !== falling[r]![0]) c++;
        return c;
      };
      const counts = { flops: 3 * rows * vocab, bytes: 4 * rows * vocab };
      return [
        {
          ...counts,
          shape: `B ${rows} · V ${vocab} · argmax`,
          run: (ops) => ops.argmax(x.tensor),
          want: greatest,
        },
        {
          ...counts,
          shape: `B ${rows} · V ${vocab} · k ${K}`,
          run: (ops) => ops.topK(x.tensor, K).values,
          want: (i) => falling[Math.floor(i / K)]![i % K]!,
        },
      ];
    });
}
