import { following } from "../tasks/following.ts";
import {
  composites,
  examples,
  finding,
  type Measured,
  measure,
  type NamedCell,
  published,
  verdict,
} from "./conditions.ts";
import { type Finding, type Findings, round, shown, type Table } from "./findings.ts";
import type { Lab } from "./lab.ts";
import { barOf, bars, COLOURS } from "./plot.ts";
import { estimate, type Scored, scored } from "./score.ts";
import type { Study, StudyTask } from "./study.ts";

const COLOUR = {
  instruction: COLOURS[0],
  reworded: COLOURS[4],
  none: "#8a94a0",
  "learned mask": COLOURS[2],
} as const;

/** A composite under a condition: how often its form is kept, and how good its parts are. */
interface Followed {
  readonly measured: Measured;
  readonly lenient: Scored;
  readonly strict: Scored;
  /** A part's score over the answers that follow, and over all with those that do not as wrong. */
  readonly parts: readonly { readonly name: string; readonly followed?: Scored; readonly all?: Scored }[];
}

/** Composite tasks: how often the answer has the form asked for, and what its parts are worth. */
export async function composite(lab: Lab, study: Study): Promise<Findings> {
  const tasks = composites(study.tasks);
  const measured = await measure(lab, tasks.flatMap(cells));
  const followed = measured.map(follow);
  const rated = followed.map(({ measured: { task, condition }, lenient }) =>
    barOf(task.title, condition, lenient),
  );
  return {
    name: "composite",
    title: "Two tasks in one answer",
    question:
      "The paper: masks make a model keep to the form of a composite answer at least as well as an instruction does. An answer " +
      "follows (lenient) that has as many parts, or is JSON with the right keys; it follows strictly if a part with labels has one of them.",
    tables: [rates(followed), partScores(followed), ...published(study, "composite")],
    figures: [
      bars("composite", "Answers that follow", "Bars: instruction-following rate (lenient).", rated, {
        legend: COLOUR,
        label: "answers that follow (%)",
      }),
    ],
    scores: followed.flatMap(findings),
    examples: measured
      .filter(({ condition }) => condition === "learned mask" || condition === "reworded")
      .flatMap((m) => examples(m, 1)),
    remarks: tasks.flatMap((task) => [
      ...verdicts(followed.filter(({ measured }) => measured.task === task)),
      ...(task.note ? [`${task.name}: ${task.note}`] : []),
    ]),
  };
}

function cells(task: StudyTask): NamedCell[] {
  const reworded = task.wordings.get("reworded")?.[0];
  const mask = task.masks[0]?.mask;
  return [
    { task, condition: "instruction", prompt: task.instruction },
    ...(reworded ? [{ task, condition: "reworded", prompt: reworded }] : []),
    { task, condition: "none" },
    ...(mask ? [{ task, condition: "learned mask", mask }] : []),
  ];
}

function follow(measured: Measured): Followed {
  const { task, answers, score } = measured;
  const format = task.format!;
  const rate = (form: "lenient" | "strict"): Scored => {
    const each = answers.map((answer) => [following([answer], format, () => 0)[form].rate, 1]);
    const metric = form === "lenient" ? "follows" : "follows strictly";
    return { ...{ metric, better: "higher", sample: score.sample! }, ...estimate(metric, each) };
  };
  const over = (form: "lenient" | "strict", sample?: string) =>
    following(answers, format, (pairs, { metric }) => scored(metric, pairs, sample))[form].parts;
  const [followed, all] = [over("lenient"), over("strict", score.sample)];
  return {
    measured,
    lenient: rate("lenient"),
    strict: rate("strict"),
    parts: [...all].map(([name, ofAll]) => {
      const ofFollowed = followed.get(name);
      return { name, ...(ofFollowed && { followed: ofFollowed }), ...(ofAll && { all: ofAll }) };
    }),
  };
}

/** Everything that was scored, under names that `compare` finds again. */
function findings({ measured, lenient, strict, parts }: Followed): Finding[] {
  const { task, condition } = measured;
  const of = (what: string, score: Scored | undefined): Finding[] =>
    score ? [{ task: task.name, condition: `${condition}${what}`, ...score }] : [];
  return [
    finding(measured),
    ...of("", lenient),
    ...of("", strict),
    ...parts.flatMap(({ name, followed, all }) => [
      ...of(`: part ${name}, of answers that follow`, followed),
      ...of(`: part ${name}, of all answers`, all),
    ]),
  ];
}

function verdicts(of: readonly Followed[]): string[] {
  const under = (condition: string) => of.find(({ measured }) => measured.condition === condition);
  const [learned, instruction] = [under("learned mask"), under("instruction")];
  if (!learned || !instruction) return [];
  const { name, note } = learned.measured.task;
  const claim = note === undefined; // of tasks that the model was trained for
  return [
    `${name}, following: ${verdict(learned.lenient, instruction.lenient, "the instruction", claim)}.`,
    `${name}, exact: ${verdict(learned.measured.score, instruction.measured.score, "the instruction")}.`,
  ];
}

const conditionOf = ({ condition, prompt }: Measured) =>
  condition === "reworded" ? `reworded: ${prompt}` : condition;

const rates = (followed: readonly Followed[]): Table => ({
  title: "Instruction-following rate in %",
  columns: ["task", "condition", "clips", "lenient", "strict", "exact"],
  rows: followed.map(({ measured, lenient, strict }) => [
    measured.task.name,
    conditionOf(measured),
    measured.score.clips,
    shown(lenient),
    shown(strict),
    round(measured.score.value),
  ]),
  note: "[ ] 95 % bootstrap interval over clips; exact: the whole answer is right.",
});

const partScores = (followed: readonly Followed[]): Table => ({
  title: "Scores of the parts in %",
  columns: ["task", "condition", "part", "metric", "over answers that follow", "over all answers"],
  rows: followed.flatMap(({ measured: { task, condition }, parts }) =>
    parts.map(({ name, followed, all }) => [
      task.name,
      condition,
      name,
      (all ?? followed)?.metric ?? null,
      followed ? shown(followed) : "none follows",
      all ? shown(all) : null,
    ]),
  ),
  note: "Over all answers, one that does not follow strictly counts as one with empty parts. WER: lower is better.",
});
