import type { EncodedClip } from "../model/index.ts";
import { beyondNoise } from "./bootstrap.ts";
import { singles } from "./conditions.ts";
import { type Costs, RUNS, timeRequests } from "./cost-timing.ts";
import { type Findings, shown, type Table } from "./findings.ts";
import type { Lab } from "./lab.ts";
import { COLOURS, figure, Plot, room } from "./plot.ts";
import type { Study, StudyTask } from "./study.ts";

/** What a month's use is reckoned with. */
export interface CostOptions {
  readonly requestsPerDay: number;
  /** Of a million prompt tokens, in any currency. */
  readonly pricePerMillion?: number;
  /** What the machine draws while it works. */
  readonly watts?: number;
}

const DAYS = 30;

interface TaskCost extends Costs {
  readonly task: StudyTask;
}

/** What a mask saves on this machine: measured on one clip of each task, conditions in turns. */
export async function cost(lab: Lab, study: Study, options: CostOptions): Promise<Findings> {
  const tasks = singles(study.tasks).filter(({ masks }) => masks.length > 0);
  const costs: TaskCost[] = [];
  for (const [i, task] of tasks.entries()) {
    const clip = await firstClip(lab, task);
    if (clip) costs.push({ task, ...(await timeRequests(lab, task, clip)) });
    lab.options.onProgress?.(i + 1, tasks.length, i + 1);
  }
  const points = costs.flatMap(({ task, instruction, mask }) => [
    { task: task.title, condition: "instruction", ms: instruction.firstTokenMs },
    { task: task.title, condition: "learned mask", ms: mask.firstTokenMs },
  ]);
  return {
    name: "cost",
    title: "What a mask saves",
    question:
      "A mask has no tokens, and heads that are off cost no attention. Measured on one clip of each task, its embeddings at hand, as when a " +
      `clip is asked about more than once; medians of ${RUNS} requests, the two conditions in turns after one of each to warm up.`,
    tables: [table(costs), month(costs, options)],
    figures: [
      figure("cost", "Time to the first token", "Median, on this adapter.", {
        legend: COLOUR,
        height: 90 + 52 * costs.length,
        marginLeft: room(tasks.map(({ title }) => title)),
        fy: { label: null, domain: tasks.map(({ title }) => title), padding: 0.2 },
        y: { axis: null, domain: Object.keys(COLOUR) },
        x: { label: "ms →", grid: true },
        marks: [
          Plot.barX(points, {
            x: "ms",
            y: "condition",
            fy: "task",
            fill: ({ condition }) => COLOUR[condition as keyof typeof COLOUR],
          }),
          Plot.ruleX([0]),
        ],
      }),
    ],
    scores: [],
    examples: [],
    remarks: lab.model.family.lm.gpu.software
      ? [
          "This adapter is software: its times say nothing about a GPU. Tokens and bytes are the same everywhere.",
        ]
      : [],
  };
}

const COLOUR = { instruction: COLOURS[0], "learned mask": COLOURS[2] } as const;

async function firstClip(lab: Lab, task: StudyTask): Promise<EncodedClip | undefined> {
  for (const row of task.rows) {
    const clip = await lab.encode(row, task);
    if (clip) return clip;
  }
  return undefined;
}

const table = (costs: readonly TaskCost[]): Table => ({
  title: "A request",
  columns: [
    "task",
    "condition",
    "prompt tokens",
    "first token, ms",
    "then tokens/s",
    "attention over the prompt, ms",
    "keys and values, kB",
  ],
  rows: costs.flatMap(({ task, instruction, mask }) =>
    (["instruction", "learned mask"] as const).map((condition) => {
      const of = condition === "instruction" ? instruction : mask;
      return [
        task.name,
        condition,
        of.promptTokens,
        of.firstTokenMs.toFixed(1),
        Number.isNaN(of.tokensPerSecond) ? null : of.tokensPerSecond.toFixed(1),
        of.attentionMs.toFixed(2),
        (of.cacheBytes / 1000).toFixed(1),
      ];
    }),
  ),
  note: "Prompt tokens with the chat scaffold and the sound's. Attention is timed apart, over as many tokens.",
});

const WITHIN = "within noise";

function month(costs: readonly TaskCost[], { requestsPerDay, pricePerMillion, watts }: CostOptions): Table {
  const requests = DAYS * requestsPerDay;
  return {
    title: `Saved in ${DAYS} days of ${requestsPerDay.toLocaleString("en")} requests each`,
    columns: [
      "task",
      "prompt tokens",
      "ms to the first token, each",
      "hours",
      ...(pricePerMillion === undefined ? [] : [`at ${pricePerMillion} a million tokens`]),
      ...(watts === undefined ? [] : [`kWh at ${watts} W`]),
    ],
    rows: costs.map(({ task, instruction, mask, savedMs }) => {
      const tokens = requests * (instruction.promptTokens - mask.promptTokens);
      const hours = (requests * savedMs.value) / 3.6e6;
      const sure = beyondNoise(savedMs);
      return [
        task.name,
        tokens.toLocaleString("en"),
        shown(savedMs),
        sure ? hours.toFixed(1) : WITHIN,
        ...(pricePerMillion === undefined ? [] : [((tokens / 1e6) * pricePerMillion).toFixed(2)]),
        ...(watts === undefined ? [] : [sure ? ((hours * watts) / 1000).toFixed(1) : WITHIN]),
      ];
    }),
    note:
      "[ ] 95 % bootstrap interval of the median over the pairs of requests. Hours, and energy, are to the first token on this adapter, one " +
      "request at a time; negative where the mask was slower.",
  };
}
