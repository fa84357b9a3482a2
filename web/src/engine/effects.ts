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
  const base = gatesOf(model, condition.mask);
  const out = new Float32Array(layers * heads).fill(Number.NaN);
  const losses = (switched: (length: number) => readonly number[]) =>
    host.run(
      async (loaded) => {
        const [audio] = await loaded.clips.get([await clips.samples(loaded.model, clip)]);
        const example = toExample(loaded, audio!, condition.prompt ?? "", answer);
        const chosen = switched(rowsAtOnce(loaded, example));
        return {
          chosen,
          losses: await lossesUnder(
            loaded,
            example,
            chosen.map((i) => flipped(base, i)),
          ),
        };
      },
      { signal },
    );
  const {
    losses: [asIs],
  } = await losses(() => [-1]);
  for (let from = 0; from < out.length; ) {
    const batch = await losses((rows) =>
      Array.from({ length: Math.min(rows, out.length - from) }, (_, i) => from + i),
    );
    for (const [i, head] of batch.chosen.entries()) out[head] = batch.losses[i]! - asIs!;
    from += batch.chosen.length;
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

/** The gates with one switched over. */
const flipped = (gates: Float32Array, head: number): Float32Array =>
  gates.map((gate, i) => (i === head ? 1 - gate : gate));

/** The answer may be empty here: then it is the token that ends it. */
function toExample({ model }: Loaded, audio: EncodedClip, prompt: string, answer: string): Example {
  const { tokenizer, generation } = model.family;
  return {
    name: "the answer",
    prompt: model.layOut<EncodedClip>({ audio, prompt }),
    answer: [...tokenizer.encode(answer), generation.stop[0]!],
  };
}

function rowsAtOnce({ model }: Loaded, { prompt, answer }: Example): number {
  const { software } = model.family.lm.gpu;
  const tokens = software ? TOKENS.software : TOKENS.hardware;
  return Math.max(1, Math.floor(tokens / (prompt.ids.length + answer.length)));
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
