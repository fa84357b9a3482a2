import type { Gpu } from "../src/gpu/index.ts";
import {
  adamw,
  answerLosses,
  drawGates,
  EagerOps,
  type Example,
  gateNoise,
  type LanguageModel,
  type Moments,
  moments,
  recordGateGradient,
  TapedOps,
} from "../src/index.ts";

const TAU = 4; // with which learning begins, as with logits of 4: 98 % of the heads are on
const RATE = 1e-2;
const ANSWER = 10; // tokens

/** A decoder, made-up examples, and the state of an optimiser over its heads. */
export interface Learning {
  readonly lm: LanguageModel;
  readonly layerWeights: number; // elements of the layers' matrices
  readonly examples: readonly Example[];
  readonly logits: Float32Array; // [L·H]
  readonly moments: Moments;
}

/** A batch of `batch` examples of `tokens` tokens, the last ten of them the answer. */
export function learning(lm: LanguageModel, layerWeights: number, batch: number, tokens: number): Learning {
  const examples = Array.from({ length: batch }, (_, b) => example(lm, b, tokens, ANSWER));
  const logits = new Float32Array(lm.layers * lm.heads).fill(4);
  return { lm, layerWeights, examples, logits, moments: moments(logits.length) };
}

function example({ vocab }: LanguageModel, b: number, tokens: number, answer: number): Example {
  const ids = Array.from({ length: tokens }, (_, t) => (t * 37 + b * 101) % vocab);
  return {
    name: `made up ${b}`,
    prompt: { ids: ids.slice(0, -answer), parts: [] },
    answer: ids.slice(-answer),
  };
}

/** The same tokens as prompts: of each the last position alone is projected onto the vocabulary. */
export const prompts = (l: Learning): Learning => ({
  ...l,
  examples: l.examples.map(({ prompt: { ids } }, b) => example(l.lm, b, ids.length + ANSWER, 1)),
});

/** Tokens of the batch. */
export const tokens = ({ examples }: Learning): number =>
  examples.reduce((n, { prompt, answer }) => n + prompt.ids.length + answer.length, 0);

/** Tokens of its answers. */
export const answers = ({ examples }: Learning): number =>
  examples.reduce((n, { answer }) => n + answer.length, 0);

const draw = ({ examples, logits }: Learning) =>
  examples.map((_, b) => drawGates(logits, gateNoise(0, 0, b, logits.length), TAU, "hard"));

/** What a step took. */
export interface StepCost {
  readonly optimiserMs: number; // on the host: drawing gates, updating logits
  readonly recordMs: number; // on the host
  readonly gpuMs: number; // from the submit until the gradient is on the host
  readonly totalMs: number;
  readonly dispatches: number;
  readonly submits: number;
  readonly bytesRead: number;
}

/** One step of learning, as `Learner` does it. */
export async function step(gpu: Gpu, l: Learning, keepBytes: number): Promise<StepCost> {
  const { dispatches, submits } = gpu;
  const { bytesRead } = gpu.staging;
  const start = performance.now();
  const drawn = draw(l);
  const begin = performance.now();
  using ops = new TapedOps(gpu, "learning step", { keepBytes });
  const result = recordGateGradient(ops, l.lm, l.examples, drawn, 1 / answers(l));
  const submit = performance.now();
  const read = await ops.submit(result);
  const done = performance.now();
  adamw(l.logits, new Float32Array(read, 0, l.logits.length), l.moments, 1, RATE);
  const end = performance.now();
  return {
    optimiserMs: begin - start + end - done,
    recordMs: submit - begin,
    gpuMs: done - submit,
    totalMs: end - start,
    dispatches: gpu.dispatches - dispatches,
    submits: gpu.submits - submits,
    bytesRead: gpu.staging.bytesRead - bytesRead,
  };
}

/** Bytes of GPU memory that a step holds at its peak, on top of what is held anyway. */
export function stepBytes(gpu: Gpu, l: Learning, keepBytes: number): number {
  gpu.trim();
  const { bytes } = gpu;
  using ops = new TapedOps(gpu, "learning step", { keepBytes });
  recordGateGradient(ops, l.lm, l.examples, draw(l), 1 / answers(l)); // what it recycles it keeps until it is disposed
  return gpu.bytes - bytes;
}

/** Milliseconds from the submit of the forward alone, as inference runs it, until the answers' losses are on the host. */
export async function forwardMs(gpu: Gpu, l: Learning): Promise<number> {
  using ops = new EagerOps(gpu, "forward");
  const { layers, heads } = l.lm;
  const values = draw(l).flatMap(({ gates }) => [...gates]);
  const gates = ops.upload("gates", [l.examples.length, layers, heads], Float32Array.from(values));
  const losses = answerLosses(ops, l.lm, l.examples, gates);
  const start = performance.now();
  await ops.submit(losses);
  return performance.now() - start;
}

/** Milliseconds of each kernel in one step. Needs timestamp-query. */
export async function kernelMs(gpu: Gpu, l: Learning, keepBytes: number): Promise<Map<string, number>> {
  using ops = new TapedOps(gpu, "learning step", { keepBytes });
  recordGateGradient(ops, l.lm, l.examples, draw(l), 1 / answers(l));
  return await ops.profile();
}

/** The share of matrix products, those of the cross-entropy among them, and that of attention, both ways. */
export function shares(kernels: ReadonlyMap<string, number>): { products: number; attention: number } {
  const of = (kind: RegExp) =>
    [...kernels].reduce((sum, [name, ms]) => sum + (kind.test(name) ? ms : 0), 0) / total;
  const total = [...kernels.values()].reduce((sum, ms) => sum + ms, 0);
  return { products: of(/^mat(mul|vec)/), attention: of(/^attention/) };
}

/**
 * Operations of a step by pencil and paper: two for each weight and token forward and as many back, but for the first
 * layer's q, k and v, which nothing that is learned leads to; attention's two and five products of D for each head and
 * pair of a query and a key; the answers' projections. What is computed again does not count.
 */
export function stepFlops(l: Learning): number {
  const { layers, heads, kvHeads, headDim, width, vocab } = l.lm;
  const first = width * (heads + 2 * kvHeads) * headDim;
  const pairs = l.examples.reduce((sum, { prompt, answer }) => {
    const n = prompt.ids.length + answer.length;
    return sum + (n * (n + 1)) / 2;
  }, 0);
  const products = 2 * tokens(l) * (2 * l.layerWeights - first);
  return products + (4 + 10) * headDim * heads * layers * pairs + 2 * 2 * answers(l) * vocab * width;
}
