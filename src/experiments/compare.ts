import { beyondNoise, type Estimate } from "./bootstrap.ts";
import { difference, FEWEST } from "./conditions.ts";
import type { Finding } from "./findings.ts";
import type { Results } from "./results.ts";

/** A score in two files. */
export interface Change {
  readonly task: string;
  readonly condition: string;
  readonly metric: string;
  readonly before: number;
  readonly after: number;
  /** after − before with its interval over clips; undefined where the clips are not the same, or too few. */
  readonly difference?: Estimate;
  /** Whether the change is more than drawing other clips makes of it; without a difference, whether the intervals lie apart. */
  readonly beyond: boolean;
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** Conditions that only one of the files has. */
  readonly onlyBefore: readonly string[];
  readonly onlyAfter: readonly string[];
}

/** What changed between two result files of one experiment, clip by clip where both have the same ones. */
export function compareResults(before: Results, after: Results): Comparison {
  const key = ({ task, condition, metric }: Finding) => JSON.stringify([task, condition, metric]);
  const name = ({ task, condition }: Finding) => `${task}, ${condition}`;
  const later = new Map(after.scores.map((score) => [key(score), score]));
  const earlier = new Set(before.scores.map(key));
  return {
    changes: before.scores.flatMap((score) => {
      const found = later.get(key(score));
      return found ? [change(score, found)] : [];
    }),
    onlyBefore: before.scores.filter((score) => !later.has(key(score))).map(name),
    onlyAfter: after.scores.filter((score) => !earlier.has(key(score))).map(name),
  };
}

/** For scores of other clips; few clips have intervals that mean little. */
const isApart = (a: Finding, b: Finding): boolean =>
  Math.min(a.clips, b.clips) >= FEWEST && (a.low > b.high || b.low > a.high);

function change(before: Finding, after: Finding): Change {
  const apart = difference(after, before);
  return {
    task: before.task,
    condition: before.condition,
    metric: before.metric,
    before: before.value,
    after: after.value,
    ...(apart && { difference: apart }),
    beyond: apart ? beyondNoise(apart) : isApart(before, after),
  };
}
