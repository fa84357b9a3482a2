import { fileURLToPath } from "node:url";
import {
  generate,
  type LanguageModel,
  loadModel,
  type Ops,
  openCheckpoint,
  openFolder,
} from "../src/index.ts";
import type { Bench } from "./harness.ts";
import { median } from "./timing.ts";

const MODEL = fileURLToPath(new URL("../models/demo/model", import.meta.url));
const PROMPT = 85; // tokens: a clip of 3 s and a short instruction
export const NEW = 33; // tokens: the prefill gives the first, each step one more
export const BATCHES = [1, 8];
const ROUNDS = 3;

/** The demo model's decoder. */
export default async function decode(b: Bench): Promise<void> {
  using model = await loadModel(b.gpu, MODEL);
  await measureDecoding(b, "demo model", model.family.lm, await bytesOfDecoder(), PROMPT);
}

/** A decoder from a prompt's ids to its answer: what a token takes, for one sequence and for eight. */
export async function measureDecoding(
  b: Bench,
  name: string,
  lm: LanguageModel,
  weightBytes: number, // that a step reads
  promptTokens: number,
): Promise<void> {
  const half = Float32Array.from({ length: lm.layers * lm.heads }, (_, i) => i % 2);
  for (const batch of BATCHES) {
    const masks = [
      { name: "no mask", gates: undefined, costs: [] as Cost[] },
      { name: "half off", gates: half, costs: [] as Cost[] },
    ];
    for (const { gates, costs } of masks) costs.push(await answer(b, lm, batch, gates, promptTokens, 2)); // compiles
    for (let round = 0; round < ROUNDS; round++)
      for (const { gates, costs } of masks) costs.push(await answer(b, lm, batch, gates, promptTokens, NEW));
    for (const { name: mask, costs } of masks) {
      const [short, ...long] = costs as [Cost, ...Cost[]];
      const step = (of: "dispatches" | "submits" | "bytesRead") => (long[0]![of] - short[of]) / (NEW - 2);
      const prefillMs = median(long.map((cost) => cost.prefillMs));
      const stepMs = median(long.map((cost) => cost.stepsMs)) / (NEW - 1);
      const figures = {
        model: name,
        batch,
        mask,
        promptTokens,
        prefillMs,
        stepMs,
        tokensPerSecond: (batch * 1000) / stepMs,
        dispatchesPerStep: step("dispatches"),
        submitsPerStep: step("submits"),
        bytesReadPerStep: step("bytesRead"),
        weightBytesPerStep: weightBytes,
      };
      b.report(
        figures,
        `${name} · B ${batch} · ${mask} · prefill of ${promptTokens} ${prefillMs.toFixed(1)} ms · ${figures.tokensPerSecond.toFixed(1)} tokens/s; ` +
          `a step: ${stepMs.toFixed(2)} ms, ${figures.dispatchesPerStep} dispatches, ${figures.submitsPerStep} submit, ` +
          `${figures.bytesReadPerStep} B read back, ${(weightBytes / 1e6).toFixed(2)} MB of weights`,
      );
    }
  }
}

/** Of one answer. */
interface Cost {
  readonly prefillMs: number; // until the first token is known
  readonly stepsMs: number; // from then on
  readonly dispatches: number;
  readonly submits: number;
  readonly bytesRead: number;
}

/** What it costs to answer with exactly so many tokens. */
async function answer(
  { gpu }: Bench,
  lm: LanguageModel,
  batch: number,
  gates: Float32Array | undefined,
  promptTokens: number,
  maxNewTokens: number,
): Promise<Cost> {
  const ids = Array.from({ length: promptTokens }, (_, t) => (t * 37) % lm.vocab);
  const prompts = Array.from({ length: batch }, () => ({ ids, ...(gates && { gates }) }));
  const packed = Uint32Array.from(prompts.flatMap((prompt) => prompt.ids));
  const embed = (ops: Ops) => lm.embed(ops, ops.upload("ids", [packed.length], packed));
  const { dispatches, submits } = gpu;
  const { bytesRead } = gpu.staging;
  const start = performance.now();
  const times: number[] = [];
  for await (const _ of generate(lm, prompts, embed, { maxNewTokens, stop: [] }))
    times.push(performance.now() - start);
  if (times.length !== batch * maxNewTokens)
    throw new Error(`internal: decode: expected ${batch * maxNewTokens} tokens, got ${times.length}`);
  return {
    prefillMs: times[0]!,
    stepsMs: times.at(-1)! - times[0]!,
    dispatches: gpu.dispatches - dispatches,
    submits: gpu.submits - submits,
    bytesRead: gpu.staging.bytesRead - bytesRead,
  };
}

/** Bytes of all that a decode step reads whole: the decoder without its embedding table. */
async function bytesOfDecoder(): Promise<number> {
  const checkpoint = await openCheckpoint(openFolder(MODEL));
  await checkpoint.close();
  return [...checkpoint.tensors.values()]
    .filter(({ name }) => name.startsWith("language_model.") && !name.includes("embed_tokens"))
    .reduce((sum, { begin, end }) => sum + end - begin, 0);
}
