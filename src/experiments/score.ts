import { bleuCounts, bleuOfCounts } from "../tasks/bleu.ts";
import type { Pair } from "../tasks/metric-types.ts";
import { METRICS, type TextMetric } from "../tasks/metrics.ts";
import { cer, wer } from "../tasks/wer.ts";
import { bootstrap, type Estimate } from "./bootstrap.ts";

/** What a score is: a metric of texts, or the share of answers that keep to a composite's form. */
export type ScoreName = TextMetric | "follows" | "follows strictly";

/** A corpus score in percent with its interval over clips, and what it is made of. */
export interface Scored extends Estimate {
  readonly metric: ScoreName;
  readonly better: "higher" | "lower";
  readonly clips: number;
  /** Of each clip: [points, out of], the score being 100 · Σ points / Σ out of; of BLEU its counts (`bleuCounts`). */
  readonly parts: readonly (readonly number[])[];
  /** Names the clips and their right answers: scores of one sample can be compared clip by clip. */
  readonly sample?: string;
}

/** Scores answers, with a bootstrap interval over the clips. @throws MetricError for none */
export function scored(metric: TextMetric, pairs: readonly Pair[], sample?: string): Scored {
  return {
    ...{ metric, better: METRICS[metric](pairs, {}).better },
    ...estimate(metric, partsOf(metric, pairs)),
    ...(sample !== undefined && { sample }),
  };
}

/** A score and its interval from what the clips add to it. */
export function estimate(
  metric: ScoreName,
  parts: readonly (readonly number[])[],
): Estimate & Pick<Scored, "clips" | "parts"> {
  const drawn = (clips: readonly number[]) =>
    total(
      metric,
      clips.map((clip) => parts[clip]!),
    );
  return { ...bootstrap(parts.length, drawn), clips: parts.length, parts };
}

/** The score of a corpus from what its clips add to it, in percent. */
export function total(metric: ScoreName, parts: readonly (readonly number[])[]): number {
  const sums = (parts[0] ?? [0, 0]).map((_, i) => parts.reduce((sum, part) => sum + part[i]!, 0));
  if (metric === "bleu" || metric === "bleu-zh") return bleuOfCounts(sums).score;
  const [points, of] = sums;
  return of! > 0 ? (100 * points!) / of! : 0;
}

function partsOf(metric: TextMetric, pairs: readonly Pair[]): number[][] {
  if (metric === "bleu") return pairs.map((pair) => bleuCounts(pair, "13a"));
  if (metric === "bleu-zh") return pairs.map((pair) => bleuCounts(pair, "zh"));
  const rate = { wer, cer }[metric as string];
  return pairs.map((pair) => {
    if (!rate) return [METRICS[metric]([pair], {}).value / 100, 1];
    const { edits, length } = rate([pair]);
    return [edits, length];
  });
}
