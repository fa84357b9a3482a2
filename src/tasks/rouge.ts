import { mean, type Pair } from "./metric-types.ts";

/** Lower-case runs of ASCII letters and digits, as google-research's rouge-score: other scripts have no tokens. */
const tokens = (text: string) => text.toLowerCase().match(/[a-z0-9]+/g) ?? [];

/** The length of the longest common subsequence. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const item of a) {
    const next = [0];
    for (const [j, other] of b.entries()) {
      next.push(item === other ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!));
    }
    row = next;
  }
  return row[b.length]!;
}

/** F1 of precision and recall of the longest common subsequence of words (Lin 2004), no stemming; 0 … 1. */
export function rougeLOf({ hypothesis, reference }: Pair): number {
  const [answer, expected] = [tokens(hypothesis), tokens(reference)];
  const common = commonLength(answer, expected);
  return common === 0 ? 0 : (2 * common) / (answer.length + expected.length);
}

/** ROUGE-L: the mean F1 over the pairs, 0 … 1. */
export function rougeL(pairs: readonly Pair[]): number {
  return mean(pairs, rougeLOf);
}
