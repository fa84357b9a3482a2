import { EagerOps } from "../kernels/index.ts";
import type { HeadMask } from "../mask/head-mask.ts";
import type { AudioLanguageModel, EncodedClip } from "../model/index.ts";
import { loadClip } from "../tasks/load-clips.ts";
import { quantile } from "./bootstrap.ts";
import { singles } from "./conditions.ts";
import type { Findings, Table } from "./findings.ts";
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

const RUNS = 9;
const DAYS = 30;

/** A request's cost under one condition; times are medians in ms. */
interface Cost {
  readonly promptTokens: number;
  readonly firstTokenMs: number;
  readonly tokensPerSecond: number;
  readonly attentionMs: number; // of the prompt, all layers
  readonly cacheBytes: number; // of the prompt's keys and values
}

/** What a mask saves on this machine: measured on one clip of each task, conditions in turns. */
export async function cost(lab: Lab, study: Study, options: CostOptions): Promise<Findings> {
  const tasks = singles(study.tasks).filter(({ masks }) => masks.length > 0);
  const costs: { task: StudyTask; instruction: Cost; mask: Cost }[] = [];
  for (const task of tasks) {
    const clip = await firstClip(lab, task);
    if (clip) costs.push({ task, ...(await measure(lab, task, clip)) });
  }
  const points = costs.flatMap(({ task, instruction, mask }) => [
    { task: task.title, condition: "instruction", ms: instruction.firstTokenMs },
    { task: task.title, condition: "learned mask", ms: mask.firstTokenMs },
  ]);
  return {
    name: "cost",
    title: "What a mask saves",
    question:
      "A mask has no tokens, and heads that are off cost no attention. Measured with the clip's embeddings at hand, as when a clip is asked " +
      `about more than once; medians of ${RUNS} requests, the two conditions in turns after one of each to warm up.`,
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
    const clip = await loadClip(lab.model, row, task.folder);
    if ("samples" in clip) return (await lab.model.encode([clip.samples]))[0];
  }
  return undefined;
}

async function measure(
  lab: Lab,
  task: StudyTask,
  audio: EncodedClip,
): Promise<{ instruction: Cost; mask: Cost }> {
  const { model } = lab;
  const { mask } = task.masks[0]!;
  const asked = { instruction: { audio, prompt: task.instruction }, mask: { audio, mask } };
  const times = { instruction: [] as Timing[], mask: [] as Timing[] };
  for (let run = 0; run <= RUNS; run++)
    for (const key of ["instruction", "mask"] as const) {
      lab.options.signal?.throwIfAborted();
      const timing = await time(model, asked[key]);
      if (run > 0) times[key].push(timing);
    }
  const costOf = async (key: "instruction" | "mask"): Promise<Cost> => {
    const tokens = model.layOut(asked[key]).ids.length;
    const { layers, kvHeads, headDim } = model.family.lm;
    return {
      promptTokens: tokens,
      firstTokenMs: median(times[key].map(({ firstMs }) => firstMs)),
      tokensPerSecond: median(times[key].map(({ perSecond }) => perSecond)),
      attentionMs: await attentionMs(model, tokens, key === "mask" ? mask : undefined),
      cacheBytes: tokens * layers * 2 * kvHeads * headDim * 4,
    };
  };
  return { instruction: await costOf("instruction"), mask: await costOf("mask") };
}

interface Timing {
  readonly firstMs: number;
  /** Tokens after the first, per second; NaN where there are none. */
  readonly perSecond: number;
}

async function time(
  model: AudioLanguageModel,
  question: Parameters<AudioLanguageModel["stream"]>[0][number],
): Promise<Timing> {
  const start = performance.now();
  let firstMs = 0;
  let tokens = 0;
  for await (const _ of model.stream([question])) if (++tokens === 1) firstMs = performance.now() - start;
  return { firstMs, perSecond: (1000 * (tokens - 1)) / (performance.now() - start - firstMs) };
}

/** Attention over a prompt of so many tokens in every layer, under the mask's gates: what its kernels alone take. */
async function attentionMs(
  { family: { lm } }: AudioLanguageModel,
  tokens: number,
  mask?: HeadMask,
): Promise<number> {
  const { gpu, layers, heads, kvHeads, headDim } = lm;
  using ops = new EagerOps(gpu, "attention");
  const random = (label: string, width: number) =>
    ops.upload(
      label,
      [tokens, width],
      Float32Array.from({ length: tokens * width }, (_, i) => Math.sin(i)),
    );
  const [q, k, v] = [
    random("q", heads * headDim),
    random("k", kvHeads * headDim),
    random("v", kvHeads * headDim),
  ];
  const gates = mask && ops.upload("gates", [1, layers, heads], mask.gates());
  const tiles = ops.attentionTiles([{ query: 0, queries: tokens, key: 0, keys: tokens, first: 0, gate: 0 }]);
  for (let layer = 0; layer < layers; layer++)
    ops.block(() =>
      ops.attention(q, k, v, {
        heads,
        kvHeads,
        headDim,
        tiles,
        causal: true,
        ...(gates && { gates: { tensor: gates, layer } }),
      }),
    );
  const times: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    await gpu.drain();
    const start = performance.now();
    ops.submit();
    await gpu.drain();
    if (run > 0) times.push(performance.now() - start);
  }
  return median(times);
}

const median = (values: readonly number[]) =>
  quantile(
    values.filter((value) => !Number.isNaN(value)),
    0.5,
  );

type Costs = readonly { readonly task: StudyTask; readonly instruction: Cost; readonly mask: Cost }[];

const table = (costs: Costs): Table => ({
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

function month(costs: Costs, { requestsPerDay, pricePerMillion, watts }: CostOptions): Table {
  const requests = DAYS * requestsPerDay;
  return {
    title: `Saved in ${DAYS} days of ${requestsPerDay.toLocaleString("en")} requests each`,
    columns: [
      "task",
      "prompt tokens",
      "hours to the first token",
      ...(pricePerMillion === undefined ? [] : [`at ${pricePerMillion} a million tokens`]),
      ...(watts === undefined ? [] : [`kWh at ${watts} W`]),
    ],
    rows: costs.map(({ task, instruction, mask }) => {
      const tokens = requests * (instruction.promptTokens - mask.promptTokens);
      const hours = (requests * (instruction.firstTokenMs - mask.firstTokenMs)) / 3.6e6;
      return [
        task.name,
        tokens.toLocaleString("en"),
        hours.toFixed(1),
        ...(pricePerMillion === undefined ? [] : [((tokens / 1e6) * pricePerMillion).toFixed(2)]),
        ...(watts === undefined ? [] : [((hours * watts) / 1000).toFixed(1)]),
      ];
    }),
    note: "Hours are of this adapter, one request at a time; negative where the mask was slower.",
  };
}
