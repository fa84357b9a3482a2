import type { Pair } from "./metric-types.ts";
import { normalizeEnglish } from "./text-normalizer.ts";

/** Errors over a corpus: Σ edits / Σ length of the references. */
export interface ErrorRate {
  /** 0 is right; above 1 where more was inserted than there is. */
  readonly rate: number;
  /** Substitutions, insertions and deletions. */
  readonly edits: number;
  /** Words, or characters, of the references. */
  readonly length: number;
}

/** The fewest substitutions, insertions and deletions that turn `a` into `b` (Levenshtein 1966). */
export function editDistance(a: readonly string[], b: readonly string[]): number {
  // row[j] is the distance of the first i items of a from the first j of b.
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, item] of a.entries()) {
    const next = [i + 1];
    for (const [j, other] of b.entries()) {
      next.push(Math.min(row[j]! + (item === other ? 0 : 1), row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

function errorRate(pairs: readonly Pair[], units: (text: string) => string[]): ErrorRate {
  let edits = 0;
  let length = 0;
  for (const { hypothesis, reference } of pairs) {
    const expected = units(normalizeEnglish(reference).trim());
    edits += editDistance(units(normalizeEnglish(hypothesis).trim()), expected);
    length += expected.length;
  }
  return { rate: length > 0 ? edits / length : Math.min(edits, 1), edits, length };
}

/**
 * Word error rate over a corpus, both sides normalised by `normalizeEnglish`. A pair whose reference is empty adds its
 * insertions only; where all references are, the rate is 0 without and 1 with insertions. Text without spaces between
 * words needs `cer`.
 */
export function wer(pairs: readonly Pair[]): ErrorRate {
  return errorRate(pairs, (text) => text.split(/\s+/).filter(Boolean));
}

/** Character error rate, otherwise as `wer`: code points of the normalised texts, the spaces between words included. */
export function cer(pairs: readonly Pair[]): ErrorRate {
  return errorRate(pairs, (text) => [...text]);
}
