import { TapedOps } from "../autograd/index.ts";
import type { Tensor } from "../gpu/index.ts";
import { gateDx, type Ops } from "../kernels/index.ts";
import { type LanguageModel, PassingKeysValues } from "../model/index.ts";
import type { Example } from "./examples.ts";
import type { DrawnGates } from "./gumbel.ts";

/** What a batch says about the logits of its gates. */
export interface GateGradient {
  readonly losses: Float32Array[]; // of each example, one a token of its answer
  readonly dlogits: Float32Array; // [L·H], of Σ weight · loss
}

/**
 * Forward and backward over a packed batch, each example under its own gates: one submission, one readback.
 *
 * @param weight of each answer token's loss: 1 / answer tokens of the whole batch for their mean
 * @param keepBytes see `TapeOptions`
 */
export async function gateGradient(
  lm: LanguageModel,
  examples: readonly Example[],
  drawn: readonly DrawnGates[],
  weight: number,
  keepBytes: number,
): Promise<GateGradient> {
  using ops = new TapedOps(lm.gpu, "learning step", { keepBytes });
  const bytes = await ops.submit(recordGateGradient(ops, lm, examples, drawn, weight));
  const dlogits = new Float32Array(bytes, 0, lm.layers * lm.heads);
  const losses = new Float32Array(bytes, dlogits.byteLength);
  let at = 0;
  const perExample = examples.map(({ answer: { length } }) => {
    at += length;
    return losses.slice(at - length, at);
  });
  return { dlogits, losses: perExample };
}

/** Records the step on a tape; the result is what is to be read back, {dlogits [L·H], losses [answer tokens]}. */
export function recordGateGradient(
  ops: TapedOps,
  lm: LanguageModel,
  examples: readonly Example[],
  drawn: readonly DrawnGates[],
  weight: number,
): Tensor {
  const { layers, heads } = lm;
  const all = (label: string, pick: (d: DrawnGates) => Float32Array) => {
    const values = new Float32Array(drawn.length * layers * heads);
    for (const [b, d] of drawn.entries()) values.set(pick(d), b * layers * heads);
    return ops.upload(label, [drawn.length, layers, heads], values);
  };
  const slope = all("slopes", (d) => d.slope);
  const logits = ops.tensor("gate logits", [layers, heads]); // its values stay on the host, where gates are drawn
  ops.learn(logits);
  const gates = ops.custom(
    [logits],
    all("gates", (d) => d.gates),
    (ctx, dgates) => [gateDx(ctx, dgates, slope)],
  );

  const loss = answerLosses(ops, lm, examples, gates);
  ops.backward(loss, ops.upload("dloss", [loss.length], new Float32Array(loss.length).fill(weight)));
  return ops.concat([ops.gradient(logits), loss]);
}

/**
 * The forward over a packed batch: each answer token's cross-entropy given the prompt and the answer before it.
 *
 * @param gates [B, L, H] f32, one head mask for each example
 * @returns [answer tokens] f32, nats, example after example
 */
export function answerLosses(
  ops: Ops,
  lm: LanguageModel,
  examples: readonly Example[],
  gates: Tensor,
): Tensor {
  const lengths = examples.map(({ prompt, answer }) => prompt.ids.length + answer.length);
  const kv = new PassingKeysValues(ops, lm, sum(lengths), Math.max(...lengths));
  const { step, targets, ids } = packed(ops, examples);
  const h = lm.forward(ops, embedded(ops, lm, examples), { ...step, gates }, kv);
  return ops.crossEntropy(lm.norm(ops, ops.embed(h, targets)), lm.head, ids);
}

/** Where the tokens of the packed examples stand, and where the answers' tokens are predicted: one position before each. */
function packed(ops: Ops, examples: readonly Example[]) {
  let at = 0;
  const segments = examples.map(({ prompt, answer }, gate) => {
    const length = prompt.ids.length + answer.length;
    const segment = { query: at, queries: length, key: at, keys: length, first: 0, gate };
    at += length;
    return segment;
  });
  const u32 = (label: string, values: readonly number[]) =>
    ops.upload(label, [values.length], Uint32Array.from(values));
  const positions = segments.flatMap(({ queries }) => Array.from({ length: queries }, (_, i) => i));
  const predicted = segments.flatMap(({ query, queries }, b) => {
    const { length } = examples[b]!.answer;
    return Array.from({ length }, (_, i) => query + queries - length - 1 + i);
  });
  return {
    step: {
      positions: u32("positions", positions),
      rows: u32("rows", [...positions.keys()]),
      tiles: ops.attentionTiles(segments),
    },
    targets: u32("targets", predicted),
    ids: u32(
      "answers",
      examples.flatMap(({ answer }) => answer),
    ),
  };
}

/** The examples' embeddings, the clips' among the words': [Σ length, C]. */
function embedded(ops: Ops, lm: LanguageModel, examples: readonly Example[]): Tensor {
  const ids = Uint32Array.from(examples.flatMap(({ prompt, answer }) => [...prompt.ids, ...answer]));
  const x = lm.embed(ops, ops.upload("ids", [ids.length], ids));
  let at = 0;
  for (const { prompt, answer } of examples) {
    for (const { clip, at: start } of prompt.parts) {
      const audio = ops.upload("audio", [clip.tokens, lm.width], clip.embeddings);
      ops.copyRows(audio, 0, x, at + start, clip.tokens);
    }
    at += prompt.ids.length + answer.length;
  }
  return x;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
