import { combineMasks, compareMasks } from "../mask/analyze.ts";
import { deviation, mean } from "./bootstrap.ts";
import { direction, finding, type Measured, measure, type NamedCell, singles } from "./conditions.ts";
import { type Findings, round, shown, type Table } from "./findings.ts";
import type { Lab } from "./lab.ts";
import { COLOURS, figure, Plot, percent, room } from "./plot.ts";
import type { Study, StudyTask } from "./study.ts";

/** Of two masks the majority is the intersection: it is asked for of three and more. */
const COMBINED = [
  ["intersection", "and"],
  ["union", "or"],
  ["majority", "majority"],
] as const;

/** Several learned masks a task: do they find the same heads, and does it matter? */
export async function rome(lab: Lab, study: Study): Promise<Findings> {
  const tasks = singles(study.tasks).filter(({ masks }) => masks.length > 1);
  const measured = await measure(lab, tasks.flatMap(cells));
  const points = measured.map((m) => ({
    task: m.task.title,
    kind: m.kind,
    value: m.score.value,
    heads: m.mask!.count,
  }));
  return {
    name: "rome",
    title: "Many roads lead to Rome",
    question:
      "The paper: masks learned from other seeds differ in over 30 % of their heads and do as well, and so does what they share. Each " +
      "task's masks are scored, compared, and joined: heads on in all of them, in any, in most.",
    tables: [scores(tasks, measured), agreement(tasks)],
    figures: [
      figure(
        "rome",
        "Seeds and what they have in common",
        "A dot is a mask of one seed, a ring what several have in common: its score, and how many heads it has on. Equals " +
          `lie in one place.${direction(measured)}`,
        {
          legend: COLOUR,
          height: 60 + 150 * tasks.length,
          marginLeft: 56,
          marginRight: room(tasks.map(({ title }) => title)),
          fy: { label: null, domain: tasks.map(({ title }) => title), padding: 0.14 },
          x: { label: "heads on →", grid: true, inset: 16 },
          y: { label: "score (%)", domain: percent(points.map(({ value }) => value)), ticks: 3, grid: true },
          r: { type: "identity" },
          marks: [
            Plot.dot(points, {
              x: "heads",
              y: "value",
              fy: "task",
              stroke: ({ kind }) => COLOUR[kind as RomeCell["kind"]],
              strokeWidth: 2,
              fill: (point) => (isSeed(point) ? COLOUR[point.kind as RomeCell["kind"]] : "none"),
              r: ({ kind }) => RADIUS[kind as RomeCell["kind"]],
            }),
          ],
        },
      ),
    ],
    scores: measured.map(finding),
    examples: [],
    remarks: tasks.length === 0 ? ["No task of this study has masks of several seeds."] : [],
  };
}

const COLOUR = {
  "a seed's mask": COLOURS[0],
  intersection: COLOURS[1],
  union: COLOURS[3],
  majority: COLOURS[2],
} as const;

/** px; rings of different sizes show each other where scores and heads are equal. */
const RADIUS = { "a seed's mask": 4, intersection: 6.5, union: 9.5, majority: 12.5 } as const;

/** A mask of one seed, or what several have in common. */
interface RomeCell extends NamedCell {
  readonly kind: "a seed's mask" | "intersection" | "union" | "majority";
}

const isSeed = ({ kind }: Pick<RomeCell, "kind">) => kind === "a seed's mask";

function cells(task: StudyTask): RomeCell[] {
  const masks = task.masks.map(({ mask }) => mask);
  return [
    ...task.masks.map(({ name, mask }) => ({ task, kind: "a seed's mask" as const, condition: name, mask })),
    ...COMBINED.filter(([, how]) => how !== "majority" || masks.length > 2).map(([kind, how]) => ({
      ...{ task, kind, condition: kind },
      mask: combineMasks(how, masks),
    })),
  ];
}

function scores(tasks: readonly StudyTask[], measured: readonly Measured<RomeCell>[]): Table {
  const rows = tasks.map((task) => {
    const of = measured.filter((m) => m.task === task);
    const seeds = of.filter(isSeed).map(({ score }) => score.value);
    const joined = COMBINED.map(([condition]) => {
      const found = of.find((m) => m.condition === condition);
      return found ? `${shown(found.score)}, ${found.mask!.count} on` : null;
    });
    return [
      task.name,
      seeds.length,
      `${round(mean(seeds))} ± ${round(deviation(seeds))}`,
      seeds.map(round).join(", "),
      ...joined,
    ];
  });
  return {
    title: "Scores in %",
    columns: ["task", "seeds", "mean", "each", ...COMBINED.map(([name]) => name)],
    rows,
    note: "± standard deviation over seeds; [ ] 95 % bootstrap interval over clips.",
  };
}

function agreement(tasks: readonly StudyTask[]): Table {
  const rows = tasks.map(({ name, masks }) => {
    const pairs = masks.flatMap((a, i) => masks.slice(i + 1).map((b) => compareMasks(a.mask, b.mask)));
    const average = (of: (pair: (typeof pairs)[number]) => number) => mean(pairs.map(of));
    return [
      name,
      masks.map(({ mask }) => mask.count).join(", "),
      `${round(100 * (1 - average(({ agree }) => agree)))} %`,
      average(({ jaccard }) => jaccard).toFixed(3),
      average(({ expectedJaccard }) => expectedJaccard).toFixed(3),
      average(({ phi }) => phi).toFixed(3),
    ];
  });
  return {
    title: "How alike the seeds' masks are",
    columns: ["task", "heads on", "heads apart", "Jaccard", "by chance", "φ"],
    rows,
    note: "Means over pairs of seeds; φ is 0 for independent masks.",
  };
}
