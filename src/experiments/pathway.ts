import { HeadMask } from "../mask/head-mask.ts";
import { shuffled } from "../mask/noise.ts";
import {
  direction,
  example,
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

const ORDERS = ["by logit", "reversed", "at random"] as const;
type Order = (typeof ORDERS)[number];

const COLOUR: Readonly<Record<Order, string>> = {
  "by logit": COLOURS[0],
  reversed: COLOURS[1],
  "at random": "#8a94a0",
};

const POINTS = 8; // steps from no head to all
const SHUFFLE_SEED = 7;

/** Heads in the order in which they are switched on. */
function order(mask: HeadMask, by: Order): number[] {
  const heads = Array.from({ length: mask.layers * mask.heads }, (_, i) => i);
  if (by === "at random") return [...shuffled(SHUFFLE_SEED, 0, heads.length)];
  const logits = mask.logits!;
  const sorted = heads.sort((a, b) => logits[b]! - logits[a]! || a - b);
  return by === "by logit" ? sorted : sorted.reverse();
}

/** Heads switched on one after the other: how the score grows. */
export async function pathway(lab: Lab, study: Study): Promise<Findings> {
  const tasks = singles(study.tasks).filter(({ masks }) => masks[0]?.mask.logits);
  const measured = await measure(lab, tasks.flatMap(cells));
  const points = measured.map((m) => ({
    order: m.order,
    share: share(m),
    task: m.task.title,
    value: m.score.value,
  }));
  const learned = tasks.map(({ title, masks }) => ({
    task: title,
    share: share({ mask: masks[0]!.mask }),
  }));
  return {
    name: "pathway",
    title: "Heads one after the other",
    question:
      "The paper: a task's score grows step by step, rather than at once, as heads are switched on in the order of the mask's logits. To " +
      "compare, they are switched on in the reverse order and in a random one, too.",
    tables: tasks.map((task) =>
      table(
        task,
        measured.filter((m) => m.task === task),
      ),
    ),
    figures: [
      figure(
        "pathway",
        "Score against heads on",
        `Dotted: as many heads as the learned mask has on. All heads on is the model with no instruction.${direction(measured)}`,
        {
          legend: COLOUR,
          height: 60 + 190 * tasks.length,
          marginLeft: 56,
          marginRight: room(tasks.map(({ title }) => title)),
          fy: { label: null, domain: tasks.map(({ title }) => title), padding: 0.14 },
          x: { label: "heads on (%) →", domain: [0, 100], grid: true },
          y: { label: "score (%)", domain: percent(points.map(({ value }) => value)), ticks: 3, grid: true },
          marks: [
            Plot.ruleX(learned, {
              x: "share",
              fy: "task",
              stroke: COLOURS[2],
              strokeDasharray: "2,3",
              strokeWidth: 2,
            }),
            Plot.line(points, {
              x: "share",
              y: "value",
              z: "order",
              fy: "task",
              stroke: ({ order }) => COLOUR[order as Order],
              strokeWidth: 2,
            }),
            Plot.dot(points, {
              x: "share",
              y: "value",
              fy: "task",
              fill: ({ order }) => COLOUR[order as Order],
              r: 3.5,
            }),
          ],
        },
      ),
    ],
    scores: measured.map(finding),
    // one clip all along the path, right or wrong
    examples: measured.filter((m) => m.order === "by logit").map((m) => example(m, m.answers[0]!)),
    remarks: [
      "The random order is one drawing, the same for every task.",
      ...tasks.flatMap((task) => steepest(measured.filter((m) => m.task === task))),
      ...singles(study.tasks).flatMap(({ name, masks: [first] }) =>
        first && !first.mask.logits ? [`${name}: its mask has no logits, so no order.`] : [],
      ),
    ],
  };
}

/** So many heads of one of the orders. */
interface PathwayCell extends NamedCell {
  readonly order: Order;
  readonly mask: HeadMask;
}

const size = ({ layers, heads }: HeadMask) => layers * heads;
const share = ({ mask }: { readonly mask: HeadMask }) => (100 * mask.count) / size(mask);

function cells(task: StudyTask): PathwayCell[] {
  const { mask } = task.masks[0]!;
  return ORDERS.flatMap((by) => {
    const heads = order(mask, by);
    return Array.from({ length: POINTS + 1 }, (_, point) => {
      const on = Math.round((point / POINTS) * size(mask));
      const chosen = heads.slice(0, on).map((i) => [Math.floor(i / mask.heads), i % mask.heads] as const);
      const condition = `${by}, ${on} of ${size(mask)} heads`;
      return { task, order: by, condition, mask: HeadMask.fromHeads(mask.layers, mask.heads, chosen) };
    });
  });
}

/** How far a task's score goes along the path, and its largest step. */
function steepest(of: readonly Measured<PathwayCell>[]): string[] {
  const path = of.filter((m) => m.order === "by logit");
  if (path.length === 0) return [];
  const { task, score } = path[0]!;
  const values = path.map((m) => m.score.value);
  const gains = values
    .slice(1)
    .map((value, i) => (score.better === "higher" ? 1 : -1) * (value - values[i]!));
  const most = Math.max(...values);
  const at = path[values.indexOf(most)]!.mask.count;
  return [
    `${task.name}: by logit from ${round(values[0]!)} % with no head over ${round(most)} with ${at} to ${round(values.at(-1)!)} with all; the largest gain of ${POINTS} steps is ${round(Math.max(...gains))} points.`,
  ];
}

function table(task: StudyTask, of: readonly Measured<PathwayCell>[]): Table {
  const counts = [...new Set(of.map(({ mask }) => mask.count))].sort((a, b) => a - b);
  const at = (by: Order, count: number) => of.find((m) => m.order === by && m.mask.count === count);
  return {
    title: `${task.name}: ${task.title} (${task.metric}, %)`,
    columns: ["heads on", ...ORDERS],
    rows: counts.map((count) => [
      count,
      ...ORDERS.map((by) => round(at(by, count)?.score.value ?? Number.NaN)),
    ]),
    note: `The learned mask has ${task.masks[0]!.mask.count} heads on.`,
  };
}
