import type { Pair } from "../tasks/metric-types.ts";
import { METRICS, type TextMetric } from "../tasks/metrics.ts";
import { cer, wer } from "../tasks/wer.ts";
import { bootstrap, type Estimate } from "./bootstrap.ts";

/** A corpus score in percent with its interval over clips, and what it is made of. */
export interface Scored extends Estimate {
  readonly metric: TextMetric;
  readonly better: "higher" | "lower";
  readonly clips: number;
  /** Of each clip, [points, out of]: the score is 100 · Σ points / Σ out of. None of metrics that do not add up over clips. */
  readonly parts?: readonly (readonly [number, number])[];
}

/** Scores answers, with a bootstrap interval over the clips. @throws MetricError for none */
export function scored(metric: TextMetric, pairs: readonly Pair[]): Scored {
  const parts = partsOf(metric, pairs);
  const { better } = METRICS[metric](pairs, {});
  const score = parts
    ? (clips: readonly number[]) => total(clips.map((clip) => parts[clip]!))
    : (clips: readonly number[]) =>
        METRICS[metric](
          clips.map((clip) => pairs[clip]!),
          {},
        ).value;
  return { metric, better, clips: pairs.length, ...bootstrap(pairs.length, score), ...(parts && { parts }) };
}

/** 100 · Σ points / Σ out of. */
export function total(parts: readonly (readonly [number, number])[]): number {
  const [points, of] = parts.reduce(([p, o], [points, of]) => [p + points, o + of], [0, 0]);
  return of > 0 ? (100 * points) / of : 0;
}

function partsOf(metric: TextMetric, pairs: readonly Pair[]): [number, number][] | undefined {
  if (metric === "bleu" || metric === "bleu-zh") return undefined; // counts of n-grams, and a brevity of the corpus
  const rate = { wer, cer }[metric as string];
  return pairs.map((pair): [number, number] => {
    if (!rate) return [METRICS[metric]([pair], {}).value / 100, 1];
    const { edits, length } = rate([pair]);
    return [edits, length];
  });
}
