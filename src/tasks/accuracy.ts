import { MetricError, mean, type Pair } from "./metric-types.ts";

export interface Accuracy {
  /** Right answers among all, 0 … 1. */
  readonly accuracy: number;
  /** Answers that are no label, 0 … 1; only where the labels are given. */
  readonly unlabelled?: number;
}

/** A label as it is compared: lower case, punctuation gone, single spaces. */
export function plainLabel(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\p{P}\p{S}]/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
}

/**
 * The share of answers that are the right label and nothing else, but for case, punctuation and spaces: "Male." is
 * "male", "The speaker is male." is not, so an answer that names several labels is never right.
 *
 * @param labels all that there are; they change no answer's verdict, but tell how many answers are no label at all
 * @throws MetricError for a reference that is not among the labels
 */
export function accuracy(pairs: readonly Pair[], labels?: readonly string[]): Accuracy {
  const share = mean(pairs, ({ hypothesis, reference }) =>
    plainLabel(hypothesis) === plainLabel(reference) ? 1 : 0,
  );
  if (labels === undefined) return { accuracy: share };
  const known = new Set(labels.map(plainLabel));
  const stray = pairs.find(({ reference }) => !known.has(plainLabel(reference)));
  if (stray) {
    throw new MetricError(
      `accuracy: expected references among ${labels.join(", ")}, got ${JSON.stringify(stray.reference)}; add the label, or correct the data`,
    );
  }
  return {
    accuracy: share,
    unlabelled: mean(pairs, ({ hypothesis }) => (known.has(plainLabel(hypothesis)) ? 0 : 1)),
  };
}

/** The share of answers, 0 … 1, that are the reference's characters exactly, but for spaces around them. */
export function exactMatch(pairs: readonly Pair[]): number {
  return mean(pairs, ({ hypothesis, reference }) => (hypothesis.trim() === reference.trim() ? 1 : 0));
}
