import type { Pair } from "./metric-types.ts";

/** "13a" for text with spaces between words, "zh" for Chinese: each of its characters is a token. */
export type BleuTokenizer = "13a" | "zh";

export interface Bleu {
  /** 0 … 100. */
  readonly score: number;
  /** Of 1- to 4-grams, 0 … 100, smoothed. */
  readonly precisions: readonly number[];
  readonly brevityPenalty: number;
  /** Tokens of all hypotheses, and of all references. */
  readonly hypothesisLength: number;
  readonly referenceLength: number;
}

const ORDER = 4;

/**
 * What sacrebleu's "zh" counts as Chinese: CJK ideographs, punctuation and full width forms of the basic plane. Its ranges
 * for the supplementary planes are written with four digits too few, and hold U+2001–2A6D and U+2F81–2FA1 instead: typographic
 * quotes, dashes, arrows. They are part of the published scores.
 */
const CHINESE =
  /[\u2001-\u2a6d\u2e80-\u2fdf\u2ff0-\u303f\u3100-\u312f\u31a0-\u31bf\u31c0-\u31ef\u3200-\u4db5\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uffef]/g;

/** Tokens of mteval-v13a, as WMT has used them: punctuation apart, except points and commas within numbers. */
export function tokenize(text: string, tokenizer: BleuTokenizer): string[] {
  const line =
    tokenizer === "zh"
      ? text.trim().replace(CHINESE, " $& ")
      : ` ${text.trimEnd().replaceAll("<skipped>", "").replaceAll("-\n", "").replaceAll("\n", " ")} `
          .replaceAll("&quot;", '"')
          .replaceAll("&amp;", "&")
          .replaceAll("&lt;", "<")
          .replaceAll("&gt;", ">");
  return line
    .replace(/[{-~[-` -&(-+:-@/]/g, " $& ")
    .replace(/([^0-9])([.,])/g, "$1 $2 ")
    .replace(/([.,])([^0-9])/g, " $1 $2")
    .replace(/([0-9])-/g, "$1 - ")
    .split(/\s+/)
    .filter(Boolean);
}

/** How often each n-gram occurs. */
function countNgrams(tokens: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= tokens.length; i++) {
    const ngram = tokens.slice(i, i + n).join(" ");
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

/**
 * BLEU-4 over a corpus (Papineni et al. 2002), case kept, one reference each: the geometric mean of the clipped n-gram
 * precisions, times the brevity penalty. The k-th order without a match counts as 1/2ᵏ of one ("exp" smoothing, NIST). Equal
 * to sacrebleu's default (`nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp`). It is 0 where nothing matches, and where no
 * hypothesis has four tokens.
 */
export function bleu(pairs: readonly Pair[], tokenizer: BleuTokenizer = "13a"): Bleu {
  const counts = pairs.map((pair) => bleuCounts(pair, tokenizer));
  return bleuOfCounts(Array.from({ length: COUNTS }, (_, i) => counts.reduce((sum, of) => sum + of[i]!, 0)));
}

const COUNTS = 2 * ORDER + 2;

/** What a pair adds to a corpus: matches of 1- to 4-grams, n-grams of the hypothesis, tokens of both. */
export function bleuCounts(pair: Pair, tokenizer: BleuTokenizer): number[] {
  const hypothesis = tokenize(pair.hypothesis, tokenizer);
  const reference = tokenize(pair.reference, tokenizer);
  const matches = new Array<number>(ORDER).fill(0);
  const totals = new Array<number>(ORDER).fill(0);
  for (let n = 1; n <= ORDER; n++) {
    const expected = countNgrams(reference, n);
    for (const [ngram, count] of countNgrams(hypothesis, n)) {
      totals[n - 1]! += count;
      matches[n - 1]! += Math.min(count, expected.get(ngram) ?? 0);
    }
  }
  return [...matches, ...totals, hypothesis.length, reference.length];
}

/** Of the sum of a corpus's counts. */
export function bleuOfCounts(counts: readonly number[]): Bleu {
  const [matches, totals] = [counts.slice(0, ORDER), counts.slice(ORDER, 2 * ORDER)];
  const [hypothesisLength = 0, referenceLength = 0] = counts.slice(2 * ORDER);
  const precisions = smoothed(matches, totals);
  const brevityPenalty =
    hypothesisLength >= referenceLength ? 1 : Math.exp(1 - referenceLength / hypothesisLength);
  const score = brevityPenalty * Math.exp(precisions.reduce((sum, p) => sum + Math.log(p), 0) / ORDER);
  return { score, precisions, brevityPenalty, hypothesisLength, referenceLength };
}

/** Matches / totals in percent. */
function smoothed(matches: readonly number[], totals: readonly number[]): number[] {
  if (matches.every((count) => count === 0)) return matches.map(() => 0);
  let share = 1;
  return matches.map((count, i) => {
    if (totals[i] === 0) return 0;
    if (count === 0) share /= 2;
    return (100 * (count || share)) / totals[i]!;
  });
}
