import { beyondNoise, deviation } from "./bootstrap.ts";
import {
  difference,
  direction,
  finding,
  type Measured,
  measure,
  type NamedCell,
  pooled,
  published,
  randomMasks,
  singles,
  verdict,
} from "./conditions.ts";
import { type Findings, round, shown, type Table } from "./findings.ts";
import type { Lab } from "./lab.ts";
import { type Bar, barOf, bars, COLOURS } from "./plot.ts";
import type { Study, StudyTask } from "./study.ts";

const CONDITIONS = ["instruction", "none", "random mask", "learned mask"] as const;
type Name = (typeof CONDITIONS)[number];

const COLOUR: Readonly<Record<Name, string>> = {
  instruction: COLOURS[0],
  none: "#8a94a0",
  "random mask": COLOURS[5],
  "learned mask": COLOURS[2],
};

/** Every single task under an instruction, under none, under random masks with as many heads, and under the learned mask. */
export async function single(lab: Lab, study: Study): Promise<Findings> {
  const tasks = singles(study.tasks);
  const measured = await measure(lab, tasks.flatMap(cells));
  const perTask = tasks.map((task) => ({ task, of: measured.filter((m) => m.task === task) }));
  const scores = perTask.flatMap(({ task, of }) => barsOf(task, of));
  return {
    name: "single",
    title: "One task, one mask",
    question:
      "The paper: a mask in the instruction's place does as well as the instruction. Each task is asked for in its usual words, " +
      "with no words, under five random masks with as many heads on, and under its learned mask.",
    tables: [table(perTask), ...published(study, "single")],
    figures: [
      bars(
        "single",
        "Scores by condition",
        `Bars: score on the clips of each task.${direction(measured)}`,
        scores,
        {
          legend: COLOUR,
          label: "score (%)",
        },
      ),
    ],
    scores: measured.map(finding),
    examples: [],
    remarks: remarks(perTask),
  };
}

function cells(task: StudyTask): NamedCell[] {
  const learned = task.masks[0]?.mask;
  return [
    { task, condition: "instruction", prompt: task.instruction },
    { task, condition: "none" },
    ...(learned
      ? [
          ...randomMasks(learned).map((mask, draw) => ({ task, condition: `random mask ${draw + 1}`, mask })),
          { task, condition: "learned mask", mask: learned },
        ]
      : []),
  ];
}

const named = (of: readonly Measured[], condition: string) => of.find((m) => m.condition === condition);
const random = (of: readonly Measured[]) => of.filter(({ condition }) => condition.startsWith("random mask"));

function barsOf({ title }: StudyTask, of: readonly Measured[]): Bar[] {
  return CONDITIONS.flatMap((condition) => {
    const draws = random(of);
    const score =
      condition === "random mask"
        ? draws.length > 0 && pooled(draws.map((m) => m.score))
        : named(of, condition)?.score;
    return score ? [barOf(title, condition, score)] : [];
  });
}

type PerTask = readonly { readonly task: StudyTask; readonly of: readonly Measured[] }[];

function table(perTask: PerTask): Table {
  const rows = perTask.map(({ task, of }) => {
    const draws = random(of).map((m) => m.score);
    const learned = named(of, "learned mask");
    const instruction = named(of, "instruction");
    const apart = learned && instruction && difference(learned.score, instruction.score);
    const cell = (m: Measured | undefined) => (m ? shown(m.score) : null);
    return [
      task.name,
      task.metric,
      instruction?.score.clips ?? 0,
      cell(instruction),
      cell(named(of, "none")),
      draws.length > 0
        ? `${shown(pooled(draws))} ± ${round(deviation(draws.map(({ value }) => value)))}`
        : null,
      cell(learned),
      learned ? `${learned.mask!.count} of ${learned.mask!.layers * learned.mask!.heads}` : null,
      apart ? `${shown(apart)}${beyondNoise(apart) ? " *" : ""}` : null,
    ];
  });
  return {
    title: "Scores in %",
    columns: [
      "task",
      "metric",
      "clips",
      "instruction",
      "none",
      "random masks",
      "learned mask",
      "heads on",
      "mask − instruction",
    ],
    rows,
    note: "[ ] 95 % bootstrap interval over clips; without width, as at 100, it says that all clips agree, not that others would. ± standard deviation over five draws; * the interval leaves out 0.",
  };
}

/** Where the paper's claim holds and where it does not. */
const remarks = (perTask: PerTask): string[] =>
  perTask.flatMap(({ task, of }) => {
    const [learned, instruction, none] = ["learned mask", "instruction", "none"].map(
      (c) => named(of, c)?.score,
    );
    return [
      ...(learned && instruction
        ? [`${task.name}: ${verdict(learned, instruction, "the instruction", true)}.`]
        : []),
      ...(learned && none ? [`${task.name}: ${verdict(learned, none, "no words at all")}.`] : []),
      ...(task.note ? [`${task.name}: ${task.note}`] : []),
    ];
  });
