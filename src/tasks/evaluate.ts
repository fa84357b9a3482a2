import type { HeadMask } from "../mask/head-mask.ts";
import type { Answer, AnswerOptions, AudioLanguageModel } from "../model/index.ts";
import { ClipCache } from "./clip-cache.ts";
import { DataError, type Row } from "./dataset.ts";
import { type LoadedClip, loadClip } from "./load-clips.ts";

/** Something to be answered and compared. */
export interface EvalItem {
  readonly row: number;
  /** The right answer. */
  readonly reference: string;
  /** The item's own instruction. */
  readonly question?: string;
  /** Its clip, when its turn comes: a data set does not fit in memory. */
  load(): Promise<LoadedClip>;
}

/** Under what the items are answered: an instruction, a mask, or neither. */
export interface Condition {
  readonly name: string;
  /** The same instruction for all; without it each item's own question, or none. A mask takes none: pass "". */
  readonly prompt?: string;
  readonly mask?: HeadMask;
}

export interface EvaluateOptions extends Pick<AnswerOptions, "maxNewTokens" | "signal"> {
  /** Items answered together; 8 if not given. */
  readonly batch?: number;
  /** Embeddings of earlier runs; if not given, of this run alone. */
  readonly cache?: ClipCache;
}

/** The model's answer to one item. */
export interface Evaluated {
  readonly row: number;
  /** The condition's name. */
  readonly condition: string;
  readonly hypothesis: string;
  readonly reference: string;
  readonly tokens: readonly number[]; // the stop token included
  readonly stopped: boolean; // by a stop token, not by the length
}

/** An item whose clip could not be loaded; said once, whatever the number of conditions. */
export interface Unheard {
  readonly row: number;
  readonly reason: string;
}

const BATCH = 8;

/** The items of a data set's rows. @param folder that relative paths count from, or its URL: the data file's */
export const evalItems = (model: AudioLanguageModel, rows: readonly Row[], folder: string): EvalItem[] =>
  rows.map((row) => ({
    row: row.row,
    reference: row.text,
    ...(row.question && { question: row.question }),
    load: () => loadClip(model, row, folder),
  }));

/**
 * Answers every item under every condition, greedily, a batch at a time; results come as soon as a batch is done, in the
 * items' order, condition by condition within a batch.
 *
 * @throws DataError for a batch of none, MaskError for a mask of another model, GenerateError, DeviceLostError, the
 * signal's reason
 */
export async function* evaluate(
  model: AudioLanguageModel,
  items: readonly EvalItem[],
  conditions: readonly Condition[],
  { batch = BATCH, cache = new ClipCache(model, undefined), ...options }: EvaluateOptions = {},
): AsyncGenerator<Evaluated | Unheard> {
  if (!(Number.isInteger(batch) && batch > 0))
    throw new DataError(`evaluate: expected a batch of 1 or more items, got ${batch}; 8 is usual`);
  for (const { mask } of conditions) mask?.check(model);
  for (let from = 0; from < items.length; from += batch) {
    const heard: EvalItem[] = [];
    const clips: Float32Array[] = [];
    for (const item of items.slice(from, from + batch)) {
      options.signal?.throwIfAborted();
      const clip = await item.load();
      if ("reason" in clip) yield { row: item.row, reason: clip.reason };
      else {
        heard.push(item);
        clips.push(clip.samples);
      }
    }
    if (heard.length === 0) continue;
    const encoded = await cache.get(clips);
    for (const { name, prompt, mask } of conditions) {
      options.signal?.throwIfAborted();
      const questions = heard.map(({ question = "" }, i) => ({
        audio: encoded[i]!,
        prompt: prompt ?? question,
        ...(mask && { mask }),
      }));
      const answers = await model.answer(questions, options);
      for (const [i, answer] of answers.entries()) yield result(heard[i]!, name, answer);
    }
  }
}

const result = (
  { row, reference }: EvalItem,
  condition: string,
  { text, tokens, stopped }: Answer,
): Evaluated => ({
  row,
  condition,
  hypothesis: text,
  reference,
  tokens,
  stopped,
});
