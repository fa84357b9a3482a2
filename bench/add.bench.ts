import type { Bench } from "./harness.ts";

/** Two T·C read, one written; a sum each. */
export default async function add(b: Bench): Promise<void> {
  const { tokens, width } = b.sizes;
  await b.measure(() => {
    const [x, y] = [b.input("a", [tokens, width]), b.input("b", [tokens, width])];
    return {
      shape: `T ${tokens} · C ${width}`,
      flops: tokens * width,
      bytes: 4 * 3 * tokens * width,
      run: (ops) => ops.add(x.tensor, y.tensor),
      want: (i) => x.at(i) + y.at(i),
    };
  });
}
