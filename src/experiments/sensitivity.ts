import { mean } from "./bootstrap.ts";
import {
  direction,
  examples,
  finding,
  type Measured,
  measure,
  type NamedCell,
  singles,
} from "./conditions.ts";
import { type Findings, round, type Table } from "./findings.ts";
import type { Lab } from "./lab.ts";
import { COLOURS, figure, Plot, percent, room } from "./plot.ts";
import type { Study, StudyTask } from "./study.ts";

/** An instruction in a study's words, or in one of them changed as people change them without a thought. */
interface Wording {
  readonly group: string;
  readonly words: string;
}

const CHANGES: readonly (readonly [group: string, change: (words: string) => string])[] = [
  ["upper case", (words) => words.toUpperCase()],
  ["punctuation", (words) => `${words}!!`],
  ["punctuation", (words) => `"${words}."`],
  ["punctuation", (words) => words.replaceAll(" ", ", ")],
];

/** The study's wordings by kind, and mechanical changes of the usual one. */
function wordings({ instruction, wordings }: StudyTask): Wording[] {
  const written = [...wordings].flatMap(([group, list]) => list.map((words) => ({ group, words })));
  const changed = CHANGES.map(([group, change]) => ({ group, words: change(instruction) }));
  const all = [{ group: "as trained", words: instruction }, ...changed, ...written];
  return all.filter(({ words }, i) => all.findIndex((other) => other.words === words) === i);
}

/** Many wordings of one instruction against the mask, which has none. */
export async function sensitivity(lab: Lab, study: Study): Promise<Findings> {
  const tasks = singles(study.tasks);
  const measured = await measure(lab, tasks.flatMap(cells));
  const worded = measured.filter(({ prompt }) => prompt !== undefined);
  const masks = measured.filter(({ mask }) => mask);
  const groups = [...new Set(tasks.flatMap(wordings).map(({ group }) => group))];
  const points = worded.map((m) => ({ task: m.task.title, group: m.group, value: m.score.value }));
  return {
    name: "sensitivity",
    title: "One instruction, many wordings",
    question:
      "The paper: models hear instructions of one meaning very differently, and a mask has no wording to get wrong. Each wording is " +
      "asked about every clip of its task.",
    tables: tasks.map((task) => table(task, groups, worded, masks)),
    figures: [
      figure(
        "sensitivity",
        "Scores by wording",
        `A dot is one wording. The line is the task's mask.${direction(measured)}`,
        {
          legend: { "a wording": COLOURS[0], "learned mask": COLOURS[2] },
          height: 100 + 26 * groups.length * tasks.length,
          marginLeft: room(groups),
          marginRight: room(tasks.map(({ title }) => title)),
          fy: { label: null, domain: tasks.map(({ title }) => title), padding: 0.12 },
          y: { label: null, domain: groups },
          x: {
            label: "score (%) →",
            domain: percent(measured.map(({ score }) => score.value)),
            grid: true,
            insetLeft: 8,
            insetRight: 12,
          },
          marks: [
            Plot.ruleX(
              masks.map((m) => ({ task: m.task.title, value: m.score.value })),
              { x: "value", fy: "task", stroke: COLOURS[2], strokeWidth: 3 },
            ),
            Plot.dot(points, {
              x: "value",
              y: "group",
              fy: "task",
              fill: COLOURS[0],
              fillOpacity: 0.55,
              r: 5,
            }),
          ],
        },
      ),
    ],
    scores: measured.map(finding),
    examples: tasks.flatMap((task) => {
      const worst = worstOf(worded.filter((m) => m.task === task));
      return worst ? examples(worst, 2) : [];
    }),
    remarks: [],
  };
}

/** A wording, or the mask. */
interface SensitivityCell extends NamedCell {
  readonly group: string;
}

const cells = (task: StudyTask): SensitivityCell[] => [
  ...wordings(task).map(({ group, words }) => ({
    task,
    group,
    condition: `${group}: ${words}`,
    prompt: words,
  })),
  ...task.masks.slice(0, 1).map(({ mask }) => ({ task, group: "mask", condition: "learned mask", mask })),
];

function worstOf<M extends Measured>(of: readonly M[]): M | undefined {
  const loss = ({ score }: Measured) => (score.better === "higher" ? -score.value : score.value);
  return [...of].sort((a, b) => loss(b) - loss(a))[0];
}

function table(
  task: StudyTask,
  groups: readonly string[],
  worded: readonly Measured<SensitivityCell>[],
  masks: readonly Measured[],
): Table {
  const of = worded.filter((m) => m.task === task);
  const rows = groups.flatMap((group) => {
    const list = of.filter((m) => m.group === group);
    const worst = worstOf(list);
    if (!worst) return [];
    const values = list.map(({ score }) => score.value);
    return [
      [
        group,
        list.length,
        round(mean(values)),
        round(Math.min(...values)),
        round(Math.max(...values)),
        worst.prompt ?? "",
      ],
    ];
  });
  const mask = masks.find((m) => m.task === task);
  return {
    title: `${task.name}: ${task.title} (${task.metric}, %)`,
    columns: ["wording", "how many", "mean", "lowest", "highest", "worst"],
    rows: [
      ...rows,
      ...(mask
        ? [["learned mask", 1, round(mask.score.value), round(mask.score.value), round(mask.score.value), ""]]
        : []),
    ],
  };
}
