import { plainLabel } from "./accuracy.ts";
import { MetricError, type Pair } from "./metric-types.ts";

/** One part of a composite answer. */
export interface Part<Metric extends string = string> {
  readonly metric: Metric;
  /** All that a right answer may be; case, punctuation and spaces around do not count. */
  readonly labels?: readonly string[];
}

/** How a composite answer is built: "transcript|emotion", or a JSON object with these keys and no others. */
export type Format<Metric extends string = string> =
  | { readonly separator: string; readonly parts: readonly Part<Metric>[] }
  | { readonly keys: Readonly<Record<string, Part<Metric>>> };

/** Instruction following in one of its two forms. */
export interface Form<Score> {
  /** Answers that follow among all, 0 … 1. */
  readonly rate: number;
  /** A score for each part, by its key or its place from 1; undefined where there is no answer to score. */
  readonly parts: ReadonlyMap<string, Score | undefined>;
}

export interface Following<Score> {
  /** An answer follows that has the right number of parts (which may be empty), or that is JSON with the right keys. Parts are scored over such answers only. */
  readonly lenient: Form<Score>;
  /** It also has a label of the set wherever there is one. Parts are scored over all answers; an answer that does not follow is one with empty parts, so wrong. */
  readonly strict: Form<Score>;
}

/** The texts of an answer's parts, in the format's order; undefined when it does not follow. */
export function splitAnswer(answer: string, format: Format): string[] | undefined {
  if ("separator" in format) {
    const texts = answer.split(format.separator).map((text) => text.trim());
    return texts.length === format.parts.length ? texts : undefined;
  }
  const keys = Object.keys(format.keys);
  const value = parseObject(answer);
  if (!value || Object.keys(value).length !== keys.length) return undefined;
  const texts = keys.map((key) => (Object.hasOwn(value, key) ? value[key] : undefined));
  return texts.every((text) => typeof text === "string") ? texts : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The share of composite answers that have the form asked for, and scores of their parts (AHAMask, arXiv 2509.01787: the
 * instruction following rate).
 *
 * @param score what a part's answers are worth
 * @throws MetricError for a reference that does not follow
 */
export function following<Metric extends string, Score>(
  pairs: readonly Pair[],
  format: Format<Metric>,
  score: (pairs: readonly Pair[], part: Part<Metric>) => Score,
): Following<Score> {
  const parts = new Map<string, Part<Metric>>(
    "separator" in format
      ? format.parts.map((part, i) => [`${i + 1}`, part])
      : Object.entries<Part<Metric>>(format.keys),
  );
  const answers = pairs.map(({ hypothesis, reference }) => {
    const expected = splitAnswer(reference, format);
    if (!expected) throw new MetricError(describe(reference, format));
    return { got: splitAnswer(hypothesis, format), expected };
  });
  const followed = answers.filter(({ got }) => got !== undefined);
  const labelled = answers.map((answer) => ({
    ...answer,
    got: answer.got && hasLabels(answer.got, [...parts.values()]) ? answer.got : undefined,
  }));

  type Answer = (typeof answers)[number];
  const form = (follows: readonly Answer[], scored: readonly Answer[]): Form<Score> => {
    const pairsOf = (i: number) =>
      scored.map(({ got, expected }) => ({ hypothesis: got?.[i] ?? "", reference: expected[i]! }));
    return {
      rate: follows.length / Math.max(answers.length, 1),
      parts: new Map(
        [...parts].map(([name, part], i) => [name, scored.length > 0 ? score(pairsOf(i), part) : undefined]),
      ),
    };
  };
  return {
    lenient: form(followed, followed),
    strict: form(
      labelled.filter(({ got }) => got !== undefined),
      labelled,
    ),
  };
}

function hasLabels(texts: readonly string[], parts: readonly Part[]): boolean {
  return parts.every(({ labels }, i) => !labels || labels.map(plainLabel).includes(plainLabel(texts[i]!)));
}

function describe(reference: string, format: Format): string {
  const form =
    "separator" in format
      ? `${format.parts.length} parts separated by ${JSON.stringify(format.separator)}`
      : `JSON of texts with the keys ${Object.keys(format.keys).join(", ")}`;
  return `following: expected references of ${form}, got ${JSON.stringify(reference)}; correct the data or the format`;
}
