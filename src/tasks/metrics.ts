import { accuracy, exactMatch } from "./accuracy.ts";
import { type BleuTokenizer, bleu } from "./bleu.ts";
import { type Following, type Format, following } from "./following.ts";
import { meteor } from "./meteor.ts";
import { type Detail, MetricError, type Pair, type Score } from "./metric-types.ts";
import { rougeL } from "./rouge.ts";
import { cer, type ErrorRate, wer } from "./wer.ts";

/** The metrics of one text; `following` puts them together for composite answers. */
export type TextMetric = "wer" | "cer" | "accuracy" | "exact" | "bleu" | "bleu-zh" | "rouge-l" | "meteor";
export type MetricName = TextMetric | "following";

export interface MetricOptions {
  /** For `accuracy`: all labels that there are. */
  readonly labels?: readonly string[];
  /** For `following`, which needs it: how answers are built, and what their parts are scored by. */
  readonly format?: Format<TextMetric>;
}

/**
 * A score over a corpus, in percent.
 * @throws MetricError without pairs, which no metric can judge, and as the functions of the metrics' own files
 */
export type Metric = (pairs: readonly Pair[], o: MetricOptions) => Score;

/** The metrics by name. The value of `following` is the lenient rate; its details have both forms, with their parts. */
export const METRICS: Readonly<Record<MetricName, Metric>> = {
  wer: metric("wer", "lower", (pairs) => errors(wer(pairs))),
  cer: metric("cer", "lower", (pairs) => errors(cer(pairs))),
  accuracy: metric("accuracy", "higher", (pairs, { labels }) => {
    const { accuracy: share, unlabelled } = accuracy(pairs, labels);
    return unlabelled === undefined
      ? { value: 100 * share }
      : { value: 100 * share, details: { unlabelled: 100 * unlabelled } };
  }),
  exact: metric("exact", "higher", (pairs) => ({ value: 100 * exactMatch(pairs) })),
  bleu: metric("bleu", "higher", (pairs) => bleuScore(pairs, "13a")),
  "bleu-zh": metric("bleu-zh", "higher", (pairs) => bleuScore(pairs, "zh")),
  "rouge-l": metric("rouge-l", "higher", (pairs) => ({ value: 100 * rougeL(pairs) })),
  meteor: metric("meteor", "higher", (pairs) => ({ value: 100 * meteor(pairs) })),
  following: metric("following", "higher", (pairs, { format }) => followingScore(pairs, format)),
};

/** @throws MetricError for a name that there is not, with those that there are */
export function metricNamed(name: string): Metric {
  if (Object.hasOwn(METRICS, name)) return METRICS[name as MetricName];
  throw new MetricError(
    `metric: expected one of ${Object.keys(METRICS).join(", ")}, got ${JSON.stringify(name)}; choose one of them`,
  );
}

function metric(
  name: MetricName,
  better: Score["better"],
  run: (pairs: readonly Pair[], o: MetricOptions) => Omit<Score, "name" | "better">,
): Metric {
  return (pairs, o) => {
    if (pairs.length > 0) return { name, better, ...run(pairs, o) };
    throw new MetricError(`${name}: expected at least one answer, got none; answer some rows first`);
  };
}

const errors = ({ rate, edits, length }: ErrorRate) => ({ value: 100 * rate, details: { edits, length } });

function bleuScore(pairs: readonly Pair[], tokenizer: BleuTokenizer) {
  const { score, ...details } = bleu(pairs, tokenizer);
  return { value: score, details };
}

function followingScore(pairs: readonly Pair[], format: Format<TextMetric> | undefined) {
  if (!format) {
    throw new MetricError(
      'following: expected a format, got none; say how answers are built, such as {"separator": "|", "parts": [{"metric": "wer"}, {"metric": "accuracy"}]}',
    );
  }
  const forms = following(pairs, format, (answers, { metric, labels }) =>
    metricNamed(metric)(answers, labels ? { labels } : {}),
  );
  return {
    value: 100 * forms.lenient.rate,
    details: { lenient: describe(forms.lenient), strict: describe(forms.strict) },
  };
}

/** A form in JSON: its rate, and by part the metric's name and value. */
function describe({ rate, parts }: Following<Score>["lenient"]): Detail {
  const scores = [...parts].map(([part, score]) => [
    part,
    score ? { metric: score.name, value: score.value } : null,
  ]);
  return { rate: 100 * rate, parts: Object.fromEntries(scores) };
}
