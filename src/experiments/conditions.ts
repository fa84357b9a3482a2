import { sha256 } from "../io/hash.ts";
import { HeadMask } from "../mask/head-mask.ts";
import { beyondNoise, bootstrap, type Estimate, mean } from "./bootstrap.ts";
import { type Example, type Finding, shown, type Table } from "./findings.ts";
import type { Cell, CellAnswer, Lab } from "./lab.ts";
import { type Scored, scored, total } from "./score.ts";
import type { Study, StudyTask } from "./study.ts";

/** A condition with its name, before it is answered. */
export interface NamedCell extends Cell {
  readonly condition: string;
}

/** A condition with its answers and their score; further fields of a cell are carried along. */
export type Measured<C extends NamedCell = NamedCell> = C & {
  readonly answers: readonly CellAnswer[];
  readonly score: Scored;
};

/** Answers and scores conditions by their tasks' metrics; one of which no clip can be heard is left out. */
export async function measure<C extends NamedCell>(lab: Lab, cells: readonly C[]): Promise<Measured<C>[]> {
  const answers = await lab.answer(cells);
  const measured = cells.map(async (cell, i): Promise<Measured<C>[]> => {
    const said = answers[i]!;
    if (said.length === 0) return [];
    return [{ ...cell, answers: said, score: scored(cell.task.metric, said, await sampleOf(said)) }];
  });
  return (await Promise.all(measured)).flat();
}

async function sampleOf(answers: readonly CellAnswer[]): Promise<string> {
  const what = answers.map(({ row, reference }) => [row.audio, reference]);
  return (await sha256(new TextEncoder().encode(JSON.stringify(what)))).slice(0, 16);
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
  return bootstrap(scores[0]!.clips, (drawn) => mean(scores.map((score) => redrawn(score, drawn))));
}

const redrawn = ({ metric, parts }: Scored, drawn: readonly number[]) =>
  total(
    metric,
    drawn.map((clip) => parts[clip]!),
  );

/** Of five clips that all agree, an exact sign test still gives p = 2 · 2⁻⁵ > 0.05. */
export const FEWEST = 6;

/** a − b over the same clips, drawn together; undefined for other clips or metrics, and for fewer than six clips. */
export function difference(a: Scored, b: Scored): Estimate | undefined {
  if (a.sample === undefined || a.sample !== b.sample || a.metric !== b.metric || a.clips < FEWEST)
    return undefined;
  return bootstrap(a.clips, (drawn) => redrawn(a, drawn) - redrawn(b, drawn));
}

/** How a mask compares with something else, in words; with what the paper claims of the two if `claim` says so. */
export function verdict(mask: Scored, other: Scored, what: string, claim = false): string {
  const apart = difference(mask, other);
  if (!apart) return `too few clips to tell the mask from ${what}`;
  if (!beyondNoise(apart)) return `no difference beyond noise between the mask and ${what} (${shown(apart)})`;
  const better = apart.value > 0 === (mask.better === "higher");
  const against = claim && !better ? ", against the paper's claim" : "";
  return `the mask ${better ? "beats" : "falls short of"} ${what} (${shown(apart)})${against}`;
}

/** For a figure's caption: for which tasks less is more. */
export function direction(measured: readonly Measured[]): string {
  const tasks = new Set(measured.filter((m) => m.score.better === "lower").map(({ task }) => task.title));
  return tasks.size > 0 ? ` Lower is better: ${[...tasks].join(", ")}.` : "";
}

/** Single tasks, and those that ask for two things at once. */
export const singles = (tasks: readonly StudyTask[]) => tasks.filter(({ format }) => !format);
export const composites = (tasks: readonly StudyTask[]) => tasks.filter(({ format }) => format);

/** The first few answers that are not the right one, or the first few of all. */
export function examples(measured: Measured, count: number): Example[] {
  const { answers } = measured;
  const wrong = answers.filter(({ hypothesis, reference }) => hypothesis.trim() !== reference.trim());
  return (wrong.length > 0 ? wrong : answers).slice(0, count).map((answer) => example(measured, answer));
}

export const example = (
  { task, condition }: Measured,
  { row, hypothesis, reference }: CellAnswer,
): Example => ({
  ...{ task: task.name, condition, clip: row.audio.join(", ") },
  ...{ hypothesis, reference },
});

/** What others have measured, to be read beside an experiment. */
export const published = ({ published }: Study, experiment: string): Table[] => {
  const table = published.get(experiment);
  return table ? [table] : [];
};
