import type { AudioLanguageModel, EncodedClip, LaidOut } from "../model/index.ts";
import { LearnError } from "./errors.ts";

/** What a mask is to be learned from: sounds, and what the model should answer. */
export interface Lesson {
  /** For messages: a file's name. */
  readonly name: string;
  readonly audio: EncodedClip | readonly EncodedClip[];
  /** The answer wanted. */
  readonly text: string;
  /** An instruction; a mask is to replace it, so the default is none. */
  readonly prompt?: string;
}

/** A lesson as the decoder sees it: the prompt, then the answer and the token that ends it. */
export interface Example {
  readonly name: string;
  readonly prompt: LaidOut;
  readonly answer: readonly number[]; // ids, the stop token last
}

/** @throws LearnError for an empty answer, or one that does not fit the model's positions */
export function toExample(model: AudioLanguageModel, { name, audio, text, prompt = "" }: Lesson): Example {
  const { tokenizer, stop, lm } = model.family;
  if (text.trim() === "")
    throw new LearnError(`learn: ${name}: expected an answer to learn, got an empty text`);
  const laidOut = model.layOut({ audio, prompt });
  const answer = [...tokenizer.encode(text), stop[0]!];
  const length = laidOut.ids.length + answer.length;
  if (length > lm.maxPositions)
    throw new LearnError(
      `learn: ${name}: expected at most ${lm.maxPositions} tokens (the model's positions), got ${length}; ` +
        "use a shorter clip or text",
    );
  return { name, prompt: laidOut, answer };
}
