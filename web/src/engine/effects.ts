import {
  type AudioLanguageModel,
  answerLosses,
  EagerOps,
  type EncodedClip,
  type Example,
} from "../../../src/index.ts";
import type { Clips } from "./clips.ts";
import type { EffectsQuestion } from "./engine.ts";
import type { Host, Loaded } from "./host.ts";
import { toMask } from "./masks.ts";

const TOKENS = { software: 512, hardware: 4096 }; // worked through at once

/**
 * What each head does for an answer, exactly: log p(answer) as it is, less log p(answer) with that head switched over, in
 * nats. The batch is the answer many times, each under gates of its own; other jobs may come between batches.
 *
 * @param onEffects hears all that is known after each batch; what is not is NaN
 * @returns [L·H]
 * @throws MaskError for a mask of another model, the signal's reason
 */
export async function effects(
  host: Host,
  clips: Clips,
  { clip, condition, answer }: EffectsQuestion,
  onEffects: (effects: Float32Array) => void,
  signal: AbortSignal,
): Promise<Float32Array> {
  const model = await host.model();
  const { layers, heads } = model;
  const { tokenizer, generation } = model.family;
  const { prompt = "", mask } = condition;
  const base = gatesOf(model, mask);
  const tokens = [...tokenizer.encode(answer), generation.stop[0]!]; // of an empty answer, the one that ends it
  const { ids } = model.layOut({ audio: await clips.samples(model, clip), prompt });
  const rows = rowsAtOnce(model, ids.length + tokens.length);
  /** With each of the heads switched over; with none, where it is undefined. */
  const lossesOf = (switched: readonly (number | undefined)[]) =>
    host.run(
      async (loaded) => {
        const [audio] = await loaded.clips.get([await clips.samples(loaded.model, clip)]);
        const laidOut = loaded.model.layOut<EncodedClip>({ audio: audio!, prompt });
        const example = { name: "the answer", prompt: laidOut, answer: tokens };
        const gates = switched.map((head) => base.map((gate, i) => (i === head ? 1 - gate : gate)));
        return await lossesUnder(loaded, example, gates);
      },
      { signal },
    );
  const out = new Float32Array(layers * heads).fill(Number.NaN);
  const [asIs] = await lossesOf([undefined]);
  for (let from = 0; from < out.length; from += rows) {
    const some = Array.from({ length: Math.min(rows, out.length - from) }, (_, i) => from + i);
    const losses = await lossesOf(some);
    for (const [i, head] of some.entries()) out[head] = losses[i]! - asIs!;
    onEffects(out.slice());
  }
  return out;
}

function gatesOf(model: AudioLanguageModel, bits: EffectsQuestion["condition"]["mask"]): Float32Array {
  if (!bits) return new Float32Array(model.layers * model.heads).fill(1);
  const mask = toMask(bits);
  mask.check(model);
  return mask.gates();
}

/** @param length tokens of a row */
function rowsAtOnce({ family }: AudioLanguageModel, length: number): number {
  const tokens = family.lm.gpu.software ? TOKENS.software : TOKENS.hardware;
  return Math.max(1, Math.floor(tokens / length));
}

/** −log p(answer) under each gates, nats. */
async function lossesUnder(
  { model }: Loaded,
  example: Example,
  gates: readonly Float32Array[],
): Promise<number[]> {
  const { lm } = model.family;
  using ops = new EagerOps(lm.gpu, "effects");
  const all = new Float32Array(gates.length * lm.layers * lm.heads);
  for (const [b, row] of gates.entries()) all.set(row, b * row.length);
  const uploaded = ops.upload("gates", [gates.length, lm.layers, lm.heads], all);
  const examples = gates.map(() => example);
  const tokens = new Float32Array(await ops.submit(answerLosses(ops, lm, examples, uploaded)));
  const { length } = example.answer;
  return gates.map((_, b) => tokens.subarray(b * length, (b + 1) * length).reduce((sum, x) => sum + x, 0));
}
