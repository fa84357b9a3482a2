import type { AudioLanguageModel, EncodedClip, LaidOut } from "../model/index.ts";
import { LearnError } from "./errors.ts";

/** A clip whose embeddings are fetched when a step needs them: those of a large data set do not fit memory. */
export interface StoredClip {
  readonly tokens: number; // audio tokens
  load(): Promise<EncodedClip>;
}

export type HeardClip = EncodedClip | StoredClip;

/** What a mask is to be learned from: sounds, and what the model should answer. */
export interface Lesson<C extends HeardClip = HeardClip> {
  /** For messages: a file's name. */
  readonly name: string;
  readonly audio: C | readonly C[];
  /** The answer wanted. */
  readonly text: string;
  /** An instruction; a mask is to replace it, so the default is none. */
  readonly prompt?: string;
}

/** A lesson as the decoder sees it: the prompt, then the answer and the token that ends it. */
export interface Example<C extends HeardClip = EncodedClip> {
  readonly name: string;
  readonly prompt: LaidOut<C>;
  readonly answer: readonly number[]; // ids, the stop token last
}

/** @throws LearnError for an empty answer, or one that does not fit the model's positions */
export function toExample<C extends HeardClip>(
  model: AudioLanguageModel,
  { name, audio, text, prompt = "" }: Lesson<C>,
): Example<C> {
  const { tokenizer, generation, lm } = model.family;
  if (text.trim() === "")
    throw new LearnError(`learn: ${name}: expected an answer to learn, got an empty text`);
  const laidOut = model.layOut<C>({ audio, prompt });
  const answer = [...tokenizer.encode(text), generation.stop[0]!];
  const length = laidOut.ids.length + answer.length;
  if (length > lm.maxPositions)
    throw new LearnError(
      `learn: ${name}: expected at most ${lm.maxPositions} tokens (the model's positions), got ${length}; ` +
        "use a shorter clip or text",
    );
  return { name, prompt: laidOut, answer };
}

export const loadClip = async (clip: HeardClip): Promise<EncodedClip> =>
  "load" in clip ? await clip.load() : clip;

/** The same with its clips' embeddings at hand. */
export async function loadExample({ prompt, ...rest }: Example<HeardClip>): Promise<Example> {
  const parts = prompt.parts.map(async ({ clip, at }) => ({ clip: await loadClip(clip), at }));
  return { ...rest, prompt: { ids: prompt.ids, parts: await Promise.all(parts) } };
}
