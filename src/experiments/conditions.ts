import { HeadMask } from "../mask/head-mask.ts";
import { bootstrap, type Estimate, mean } from "./bootstrap.ts";
import type { Example, Finding, Table } from "./findings.ts";
import type { Cell, CellAnswer, Lab } from "./lab.ts";
import { type Scored, scored, total } from "./score.ts";
import type { Study, StudyTask } from "./study.ts";

/** A condition with its name, before it is answered. */
export interface NamedCell extends Cell {
  readonly condition: string;
}

/** An answered condition. */
export interface Measured extends NamedCell {
  readonly answers: readonly CellAnswer[];
  readonly score: Scored;
}

/** Answers and scores conditions by their tasks' metrics; one of which no clip can be heard is left out. */
export async function measure(lab: Lab, cells: readonly NamedCell[]): Promise<Measured[]> {
  const answers = await lab.answer(cells);
  return cells.flatMap((cell, i) =>
    answers[i]!.length > 0
      ? [{ ...cell, answers: answers[i]!, score: scored(cell.task.metric, answers[i]!) }]
      : [],
  );
}

export const finding = ({ task, condition, score }: Measured): Finding => ({
  task: task.name,
  condition,
  ...score,
});

/** Seeds of the random masks begin here, in every run. */
const DRAW_SEED = 1000;
export const DRAWS = 5;

/** Random masks with as many heads on as the given one. */
export const randomMasks = ({ layers, heads, count }: HeadMask): HeadMask[] =>
  Array.from({ length: DRAWS }, (_, draw) => HeadMask.random(layers, heads, count, DRAW_SEED + draw));

/** The mean of several conditions over the same clips, as one score with an interval over clips. */
export function pooled(scores: readonly Scored[]): Estimate {
  const all = scores.map(({ parts }) => parts);
  const clips = scores[0]!.clips;
  if (all.every((parts) => parts?.length === clips))
    return bootstrap(clips, (drawn) => mean(all.map((parts) => total(drawn.map((clip) => parts![clip]!)))));
  const [value, low, high] = (["value", "low", "high"] as const).map((key) =>
    mean(scores.map((s) => s[key])),
  );
  return { value: value!, low: low!, high: high! };
}

/** a − b over the same clips, drawn together; undefined for metrics that do not add up over clips, or other clips. */
export function difference(a: Scored, b: Scored): Estimate | undefined {
  const [x, y] = [a.parts, b.parts];
  if (!x || x.length !== y?.length) return undefined;
  const score = (parts: NonNullable<Scored["parts"]>, drawn: readonly number[]) =>
    total(drawn.map((clip) => parts[clip]!));
  return bootstrap(x.length, (drawn) => score(x, drawn) - score(y, drawn));
}

/** Single tasks, and those that ask for two things at once. */
export const singles = (tasks: readonly StudyTask[]) => tasks.filter(({ format }) => !format);
export const composites = (tasks: readonly StudyTask[]) => tasks.filter(({ format }) => format);

/** The first few answers that are not the right one, or the first few of all. */
export function examples({ task, condition, answers }: Measured, count: number): Example[] {
  const wrong = answers.filter(({ hypothesis, reference }) => hypothesis.trim() !== reference.trim());
  return (wrong.length > 0 ? wrong : answers).slice(0, count).map(({ row, hypothesis, reference }) => ({
    task: task.name,
    condition,
    clip: row.audio.join(", "),
    hypothesis,
    reference,
  }));
}

/** What others have measured, to be read beside an experiment. */
export const published = ({ published }: Study, experiment: string): Table[] => {
  const table = published.get(experiment);
  return table ? [table] : [];
};
