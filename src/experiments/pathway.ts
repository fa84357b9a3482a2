import { HeadMask } from "../mask/head-mask.ts";
import { shuffled } from "../mask/noise.ts";
import { examples, finding, type Measured, measure, type NamedCell, singles } from "./conditions.ts";
import { type Findings, round, type Table } from "./findings.ts";
import type { Lab } from "./lab.ts";
import { COLOURS, figure, Plot, room } from "./plot.ts";
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
  const points = measured.map((m) => ({ ...place(m), task: m.task.title, value: m.score.value }));
  const learned = tasks.map(({ title, masks }) => ({
    task: title,
    share: (100 * masks[0]!.mask.count) / size(masks[0]!.mask),
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
        "Dotted: as many heads as the learned mask has on. All heads on is the model with no instruction.",
        {
          legend: COLOUR,
          height: 60 + 190 * tasks.length,
          marginLeft: 56,
          marginRight: room(tasks.map(({ title }) => title)),
          fy: { label: null, domain: tasks.map(({ title }) => title), padding: 0.14 },
          x: { label: "heads on (%) →", domain: [0, 100], grid: true },
          y: { label: "score (%)", domain: [0, 100], ticks: [0, 50, 100], grid: true },
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
    examples: tasks.flatMap((task) =>
      measured.filter((m) => m.task === task && place(m).order === "by logit").flatMap((m) => examples(m, 1)),
    ),
    remarks: [
      "The random order is one drawing, the same for every task.",
      ...tasks.map((task) =>
        steepest(
          task,
          measured.filter((m) => m.task === task),
        ),
      ),
    ],
  };
}

const size = ({ layers, heads }: HeadMask) => layers * heads;

function cells(task: StudyTask): NamedCell[] {
  const { mask } = task.masks[0]!;
  return ORDERS.flatMap((by) => {
    const heads = order(mask, by);
    return Array.from({ length: POINTS + 1 }, (_, point) => {
      const on = Math.round((point / POINTS) * size(mask));
      const chosen = heads.slice(0, on).map((i) => [Math.floor(i / mask.heads), i % mask.heads] as const);
      const condition = `${by}, ${on} of ${size(mask)} heads`;
      return { task, condition, mask: HeadMask.fromHeads(mask.layers, mask.heads, chosen) };
    });
  });
}

const place = ({ condition, mask }: Measured) => ({
  order: condition.slice(0, condition.indexOf(",")) as Order,
  share: (100 * mask!.count) / size(mask!),
});

/** How much of a task's rise one step makes. */
function steepest({ name }: StudyTask, of: readonly Measured[]): string {
  const path = of.filter((m) => place(m).order === "by logit");
  const values = path.map(({ score }) => (score.better === "higher" ? score.value : -score.value));
  const rise = Math.max(...values) - values[0]!;
  const step = Math.max(...values.slice(1).map((value, i) => value - values[i]!));
  return rise > 0
    ? `${name}: the steepest of ${POINTS} steps by logit makes ${Math.round((100 * step) / rise)} % of the rise from no head to the best.`
    : `${name}: no number of heads by logit scores above no head at all.`;
}

function table(task: StudyTask, of: readonly Measured[]): Table {
  const counts = [...new Set(of.map(({ mask }) => mask!.count))].sort((a, b) => a - b);
  const at = (by: Order, count: number) => of.find((m) => place(m).order === by && m.mask!.count === count);
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
