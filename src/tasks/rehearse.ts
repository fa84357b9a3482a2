/** What answering and learning do to a device, without an answer: the engine's own steps on a clip of silence. */
import { SAMPLE_RATE } from "../audio/load.ts";
import type { Gpu, Tensor } from "../gpu/index.ts";
import { EagerOps, type Ops } from "../kernels/index.ts";
import { type GateGradient, gateGradient } from "../mask/gate-gradient.ts";
import type { Blueprint, BuiltModel } from "../model/blueprint.ts";
import { type Select, Session } from "../model/session.ts";

/** A clip, an instruction and an answer, by their sizes. */
export interface Sizes {
  /** Samples of the clip, at 16 kHz. */
  readonly samples: number;
  /** Tokens that the clip becomes. */
  readonly audioTokens: number;
  /** Tokens of the prompt besides. */
  readonly textTokens: number;
  /** Tokens of the answer, at most. */
  readonly newTokens: number;
  /** Of beam search; 1 is greedy. */
  readonly beams: number;
}

const TEXT_TOKENS = 64; // a chat's scaffold and an instruction of a line

/** The longest clip that a model hears, an instruction, and the longest answer that the model may give. */
export function longestClip(b: Blueprint): Sizes {
  const samples = Math.floor(b.windowSeconds * SAMPLE_RATE);
  const audioTokens = b.audioTokens(samples);
  const { maxNewTokens, beams } = b.generation;
  const room = b.text.maxPositions - audioTokens - TEXT_TOKENS;
  return { samples, audioTokens, textTokens: TEXT_TOKENS, newTokens: Math.min(maxNewTokens, room), beams };
}

export type Stage = "heard" | "cached" | "answered";

/**
 * Hears the clip, makes room for its prompt and answer, runs the prompt and one step, as `AudioLanguageModel.answer` does.
 * What each stage leaves on the device is there while `reached` is called.
 */
export async function rehearseAnswer(
  gpu: Gpu,
  { lm, encode }: BuiltModel,
  { samples, audioTokens, textTokens, newTokens, beams }: Sizes,
  reached: (stage: Stage) => void = () => {},
): Promise<void> {
  using audio = hear(gpu, (ops) => encode(ops, [new Float32Array(samples)]), [audioTokens, lm.width]);
  reached("heard");
  const ids = new Array<number>(textTokens + audioTokens).fill(0);
  const select: Select = beams === 1 ? { kind: "argmax" } : { kind: "top", k: 2 * beams };
  using session = new Session(lm, [{ ids }], { newTokens, beams, select });
  reached("cached");
  await session.prefill((ops) => {
    const x = lm.embed(ops, ops.upload("ids", [ids.length], Uint32Array.from(ids)));
    ops.copyRows(audio, 0, x, 0, audioTokens);
    return x;
  });
  const tokens = beams === 1 ? undefined : new Uint32Array(beams);
  await session.step(new Uint32Array(beams).fill(ids.length), tokens);
  reached("answered");
}

function hear(gpu: Gpu, encode: (ops: Ops) => Tensor, shape: readonly number[]): Tensor {
  const audio = gpu.tensor("audio", shape);
  using ops = new EagerOps(gpu, "audio");
  ops.copyRows(encode(ops), 0, audio, 0, audio.rows);
  ops.submit();
  return audio;
}

/** One learning step over the clip, whose embeddings are at hand, and an answer; only layers' inputs are kept. */
export function rehearseLearning(
  { lm }: Pick<BuiltModel, "lm">,
  { audioTokens, textTokens, newTokens }: Sizes,
): Promise<GateGradient> {
  const clip = { tokens: audioTokens, embeddings: new Float32Array(audioTokens * lm.width) };
  const prompt = { ids: new Array<number>(textTokens + audioTokens).fill(0), parts: [{ clip, at: 0 }] };
  const answer = new Array<number>(newTokens).fill(0);
  const gates = new Float32Array(lm.layers * lm.heads).fill(1);
  return gateGradient(lm, [{ name: "silence", prompt, answer }], [{ gates, slope: gates }], 1, 0);
}
