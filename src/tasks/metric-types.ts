/** What was answered and what is right. */
export interface Pair {
  readonly hypothesis: string;
  readonly reference: string;
}

/** Something that JSON can say. */
export type Detail =
  | number
  | string
  | null
  | readonly Detail[]
  | { readonly [name: string]: Detail | undefined };

/** A metric over a corpus. */
export interface Score {
  readonly name: string;
  /** In percent: 0 … 100, where WER and CER may be above 100. */
  readonly value: number;
  readonly better: "higher" | "lower";
  readonly details?: { readonly [name: string]: Detail | undefined };
}

/** A metric that there is not, or one that cannot be had of what was given. */
export class MetricError extends Error {
  override name = "MetricError";
}

/** The mean of a score over the pairs; 0 for none. */
export function mean(pairs: readonly Pair[], score: (pair: Pair) => number): number {
  return pairs.reduce((sum, pair) => sum + score(pair), 0) / Math.max(pairs.length, 1);
}
