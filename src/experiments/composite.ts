import { following } from "../tasks/following.ts";
import { bootstrap, type Estimate } from "./bootstrap.ts";
import {
  composites,
  examples,
  finding,
  type Measured,
  measure,
  type NamedCell,
  published,
} from "./conditions.ts";
import { type Example, type Findings, round, shown, type Table } from "./findings.ts";
import type { Lab } from "./lab.ts";
import { barOf, bars, COLOURS } from "./plot.ts";
import { scored } from "./score.ts";
import type { Study, StudyTask } from "./study.ts";

const CONDITIONS = ["instruction", "reworded", "none", "learned mask"] as const;

const COLOUR = {
  instruction: COLOURS[0],
  reworded: COLOURS[4],
  none: "#8a94a0",
  "learned mask": COLOURS[2],
} as const;

/** A composite under a condition: how often its form is kept, and how good its parts are. */
interface Followed {
  readonly task: StudyTask;
  readonly condition: (typeof CONDITIONS)[number];
  readonly lenient: Estimate;
  readonly strict: Estimate;
  /** A part's score over the answers that follow, and over all with those that do not as wrong. */
  readonly parts: readonly {
    readonly name: string;
    readonly over: "followed" | "all";
    readonly shown: string;
  }[];
  readonly measured: Measured;
}

/** Composite tasks: how often the answer has the form asked for, and what its parts are worth. */
export async function composite(lab: Lab, study: Study): Promise<Findings> {
  const tasks = composites(study.tasks);
  const measured = await measure(lab, tasks.flatMap(cells));
  const followed = measured.map(follow);
  const rated = followed.map(({ task, condition, lenient }) => barOf(task.title, condition, lenient));
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
    scores: measured.map(finding),
    examples: followed.flatMap(exampleOf),
    remarks: tasks.flatMap(({ name, note }) => (note ? [`${name}: ${note}`] : [])),
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
  const { task, answers, condition } = measured;
  const format = task.format!;
  const follows = (form: "lenient" | "strict") =>
    answers.map((answer) => following([answer], format, () => 0)[form].rate);
  const rate = (each: readonly number[]) =>
    bootstrap(
      each.length,
      (clips) => (100 * clips.reduce((sum, clip) => sum + each[clip]!, 0)) / clips.length,
    );
  const forms = following(answers, format, (pairs, { metric }) => scored(metric, pairs));
  const parts = (["lenient", "strict"] as const).flatMap((form) =>
    [...forms[form].parts].map(([name, score]) => ({
      name,
      over: form === "lenient" ? ("followed" as const) : ("all" as const),
      shown: score ? `${shown(score)} ${score.metric}` : "none follows",
    })),
  );
  return {
    task,
    condition: condition as Followed["condition"],
    lenient: rate(follows("lenient")),
    strict: rate(follows("strict")),
    parts,
    measured,
  };
}

const rates = (followed: readonly Followed[]): Table => ({
  title: "Instruction-following rate in %",
  columns: ["task", "condition", "clips", "lenient", "strict", "exact"],
  rows: followed.map(({ task, condition, lenient, strict, measured: { score } }) => [
    task.name,
    condition,
    score.clips,
    shown(lenient),
    shown(strict),
    round(score.value),
  ]),
  note: "[ ] 95 % bootstrap interval over clips; exact: the whole answer is right.",
});

const partScores = (followed: readonly Followed[]): Table => ({
  title: "Scores of the parts in %",
  columns: ["task", "condition", "part", "over answers that follow", "over all answers"],
  rows: followed.flatMap(({ task, condition, parts }) =>
    parts
      .filter(({ over }) => over === "followed")
      .map(({ name, shown }) => [
        task.name,
        condition,
        name,
        shown,
        parts.find((part) => part.over === "all" && part.name === name)!.shown,
      ]),
  ),
  note: "Over all answers, one that does not follow strictly counts as one with empty parts. WER: lower is better.",
});

const exampleOf = ({ condition, measured }: Followed): Example[] =>
  condition === "learned mask" || condition === "reworded" ? examples(measured, 1) : [];
