import { EagerOps } from "../kernels/index.ts";
import type { HeadMask } from "../mask/head-mask.ts";
import type { AudioLanguageModel, EncodedClip } from "../model/index.ts";
import { bootstrap, type Estimate, quantile } from "./bootstrap.ts";
import type { Lab } from "./lab.ts";
import type { StudyTask } from "./study.ts";

/** Requests that are timed under each condition. */
export const RUNS = 9;

/** A request's cost under one condition; times are medians in ms. */
export interface Cost {
  readonly promptTokens: number;
  readonly firstTokenMs: number;
  readonly tokensPerSecond: number;
  readonly attentionMs: number; // of the prompt, all layers
  readonly cacheBytes: number; // of the prompt's keys and values
}

/** A task's request under its instruction and under its mask, and what the mask saves to the first token. */
export interface Costs {
  readonly instruction: Cost;
  readonly mask: Cost;
  readonly savedMs: Estimate;
}

/** Times requests about one clip under the instruction and under the mask, in turns after one of each to warm up. */
export async function timeRequests(lab: Lab, task: StudyTask, audio: EncodedClip): Promise<Costs> {
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
  const saved = times.instruction.map(({ firstMs }, run) => firstMs - times.mask[run]!.firstMs);
  return {
    instruction: await costOf("instruction"),
    mask: await costOf("mask"),
    savedMs: bootstrap(saved.length, (runs) => median(runs.map((run) => saved[run]!))),
  };
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
