import { fileURLToPath } from "node:url";
import { type LanguageModel, loadModel, openCheckpoint, openFolder, qwen2 } from "../src/index.ts";
import type { Bench } from "./harness.ts";
import {
  answers,
  forwardMs,
  kernelMs,
  type Learning,
  learning,
  prompts,
  type StepCost,
  shares,
  step,
  stepBytes,
  stepFlops,
  tokens,
} from "./learning.ts";
import { median } from "./timing.ts";

const MODEL = fileURLToPath(new URL("../models/demo/model", import.meta.url));
const TOKENS = 85; // of an example: a clip of 3 s, what the chat is set in, and an answer
const ROUNDS = 5;
const KEEP = { "all kept": 2 ** 40, recomputed: 0 }; // bytes of activations

/** One step of learning a mask: of the demo model, and of two layers of the chosen sizes. */
export default async function learn(b: Bench): Promise<void> {
  {
    using model = await loadModel(b.gpu, MODEL);
    await measureLearning(b, "demo model", learning(model.family.lm, await demoLayerWeights(), 16, TOKENS));
  }
  await b.fitting(async () => {
    const { lm, layerWeights } = twoLayers(b);
    await measureLearning(b, `2 layers of C ${lm.width}`, learning(lm, layerWeights, 4, b.sizes.tokens));
  });
}

/** Forwards, prefills and steps in turns, so that whatever else the machine does meets all alike; then a row each. */
export async function measureLearning(
  b: Bench,
  name: string,
  l: Learning,
  keep: Readonly<Record<string, number>> = KEEP,
): Promise<void> {
  const { gpu } = b;
  const only = prompts(l);
  const forwards: number[] = [];
  const prefills: number[] = [];
  const kept = Object.entries(keep).map(([name, bytes]) => ({ name, bytes, costs: [] as StepCost[] }));
  for (let round = 0; round <= ROUNDS; round++) {
    forwards.push(await forwardMs(gpu, l));
    prefills.push(await forwardMs(gpu, only));
    for (const { bytes, costs } of kept) costs.push(await step(gpu, l, bytes));
  }
  for (const times of [forwards, prefills, ...kept.map(({ costs }) => costs)]) times.shift(); // compiled in it
  for (const { name: how, bytes, costs } of kept) {
    const ms = (of: "optimiserMs" | "recordMs" | "gpuMs" | "totalMs") =>
      median(costs.map((cost) => cost[of]));
    const [forward, gpuMs, totalMs] = [median(forwards), ms("gpuMs"), ms("totalMs")];
    const { dispatches, submits, bytesRead } = costs.at(-1)!;
    const held = stepBytes(gpu, l, bytes);
    const timed = gpu.features.has("timestamp-query") ? shares(await kernelMs(gpu, l, bytes)) : undefined;
    const figures = {
      model: name,
      activations: how,
      batch: l.examples.length,
      tokens: tokens(l),
      answerTokens: answers(l),
      forwardMs: forward,
      backwardMs: gpuMs - forward,
      recordMs: ms("recordMs"),
      optimiserMs: ms("optimiserMs"),
      totalMs,
      tokensPerSecond: (1000 * tokens(l)) / totalMs,
      prefillTokensPerSecond: (1000 * tokens(l)) / median(prefills),
      ofPrefill: median(prefills.map((prefill, i) => prefill / costs[i]!.totalMs)),
      gflopPerSecond: stepFlops(l) / gpuMs / 1e6,
      share: stepFlops(l) / gpuMs / 1e-3 / b.peaks.flops.f32!,
      ...(timed && { productsShare: timed.products, attentionShare: timed.attention }),
      stepBytes: held,
      dispatches,
      submits,
      bytesRead,
    };
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
    b.report(
      figures,
      `${name} · B ${figures.batch} · T ${figures.tokens} · ${how} · ${totalMs.toFixed(1)} ms: forward ${forward.toFixed(1)}, ` +
        `backward ${figures.backwardMs.toFixed(1)}, recording ${figures.recordMs.toFixed(1)}, optimiser ${figures.optimiserMs.toFixed(2)} · ` +
        `${figures.tokensPerSecond.toFixed(0)} tokens/s, ${figures.ofPrefill.toFixed(2)} of prefill's ${figures.prefillTokensPerSecond.toFixed(0)} · ` +
        `${figures.gflopPerSecond.toFixed(1)} GFLOP/s, ${percent(figures.share)} of the peak · ` +
        (timed
          ? `${percent(timed.products)} products, ${percent(timed.attention)} attention · `
          : "kernels not timed apart, for want of timestamp-query · ") +
        `${(held / 1e6).toFixed(1)} MB · ${dispatches} dispatches, ${submits} submit, ${bytesRead} B read back`,
    );
  }
}

/** Elements of the matrices in the demo decoder's layers. */
async function demoLayerWeights(): Promise<number> {
  const checkpoint = await openCheckpoint(openFolder(MODEL));
  await checkpoint.close();
  return [...checkpoint.tensors.values()]
    .filter(({ name, shape }) => name.startsWith("language_model.model.layers.") && shape.length === 2)
    .reduce((sum, { shape: [rows, columns] }) => sum + rows! * columns!, 0);
}

/** A decoder of two layers with made-up f16 weights, of about the size that keeps activations at theirs. */
function twoLayers(b: Bench): { lm: LanguageModel; layerWeights: number } {
  const { width, ffn, heads, headDim, vocab, tokens } = b.sizes;
  const inner = heads * headDim;
  const matrix = (label: string, rows: number, columns: number) =>
    b.input(label, [rows, columns], "f16", 2 ** -Math.round(Math.log2(columns) / 2)).tensor;
  const vector = (label: string, length: number) => b.input(label, [length]).tensor;
  const layer = () => ({
    attnNorm: vector("norm", width),
    qkv: matrix("qkv", 3 * inner, width),
    qkvBias: vector("qkv bias", 3 * inner),
    o: matrix("o", width, inner),
    ffnNorm: vector("norm", width),
    gateUp: matrix("gate, up", 2 * ffn, width),
    down: matrix("down", width, ffn),
  });
  const layers = [layer(), layer()];
  const config = {
    vocab,
    width,
    ffn,
    layers: layers.length,
    heads,
    kvHeads: heads,
    headDim,
    eps: 1e-6,
    ropeTheta: 10_000,
    maxPositions: tokens,
    tied: false,
  };
  const [embed, head] = [matrix("embed", vocab, width), matrix("head", vocab, width)];
  return {
    lm: qwen2(b.gpu, config, { embed, layers, norm: vector("norm", width), head }),
    layerWeights: layers.length * (4 * width * inner + 3 * width * ffn),
  };
}
