import type { Store } from "../io/store.ts";
import type { HeadMask } from "../mask/head-mask.ts";
import { Learner } from "../mask/learn.ts";
import { checkSettings, checkWhole, type LearnSettings } from "../mask/learn-settings.ts";
import { RunFolder } from "../mask/run.ts";
import type { LogLine, RunState } from "../mask/run-state.ts";
import type { AudioLanguageModel } from "../model/index.ts";
import { ClipCache } from "./clip-cache.ts";
import { Course } from "./course.ts";
import { type LearnData, type Prepared, type PrepareEvent, prepareLessons } from "./learn-data.ts";
import type { TextMetric } from "./metrics.ts";

/** Generates the answers to rows that are not learned from, under the mask as it is, and scores them. */
export interface Validation extends LearnData {
  readonly metric: TextMetric;
  /** Steps from one to the next; the last step is followed by one too. */
  readonly every: number;
  /** Stop after so many in a row that are no better than the best; if not given, never. */
  readonly patience?: number;
  /** Rows answered together; 8 if not given. */
  readonly batch?: number;
  /** Most tokens of an answer; the model's own if not given. */
  readonly maxNewTokens?: number;
}

export interface LearnRunOptions {
  readonly settings?: Partial<LearnSettings>;
  /** What is learned, for the mask's file. */
  readonly task?: string;
  /** An instruction to learn under; the default is none, since a mask is to replace it. */
  readonly prompt?: string;
  readonly validation?: Validation;
  /** Embeddings of earlier runs; if not given, of this run alone. */
  readonly cache?: ClipCache;
  /** Steps from one checkpoint to the next; 10 if not given. */
  readonly checkpointEvery?: number;
  /** Go on with the run in the folder. */
  readonly resume?: boolean;
  /** Ends the run after its step, with a checkpoint. */
  readonly signal?: AbortSignal;
}

/** What a run came to. */
export interface Learned {
  readonly mask: HeadMask;
  /** The mask that validation liked best. */
  readonly best?: HeadMask;
  readonly state: RunState;
  readonly log: readonly LogLine[];
}

export type LearnEvent =
  | PrepareEvent
  /** Something a person should know. */
  | { readonly kind: "note"; readonly text: string }
  /** Learning begins, after `step` steps of earlier. */
  | {
      readonly kind: "begin";
      readonly step: number;
      readonly lessons: number;
      readonly settings: LearnSettings;
    }
  /** `logits` [L·H] as they are after the step. */
  | { readonly kind: "step"; readonly line: LogLine; readonly logits: Float32Array };

/**
 * Learns a mask, and keeps all of it in a folder (see `RunFolder`), so that a run that is stopped at any moment and
 * resumed on the same adapter ends with the same mask as one that was not.
 *
 * @throws RunStoppedError when learning cannot go on (a device lost, a loss that is no number, a full disk): its cause
 * says why, and the run can be resumed; LearnError, DataError or RunError before it begins; the signal's reason
 */
export async function* learnRun(
  model: AudioLanguageModel,
  store: Store,
  data: LearnData,
  options: LearnRunOptions = {},
): AsyncGenerator<LearnEvent, Learned> {
  const { task, prompt = "", validation, signal, cache = new ClipCache(model, undefined) } = options;
  const settings = checkSettings(options.settings ?? {}, model.layers * model.heads);
  checkCounts(options);
  const prepare = (of: LearnData) => prepareLessons(model, of, prompt, cache, signal);
  const learned = yield* prepare(data);
  const validated = validation && (yield* prepare(validation));
  const learner = new Learner(model, learned.lessons, settings);
  const config = {
    model: model.name,
    fingerprint: model.fingerprint,
    adapter: model.family.lm.gpu.info.description,
    data: learned.hash,
    task: task ?? null,
    prompt,
    settings,
    validation: validation && validated ? describe(validation, validated) : null,
  };
  const run = await RunFolder.open(store, config, model.layers * model.heads, options);
  for (const text of run.notes) yield { kind: "note", text };
  const course = new Course(model, learner, run, validated?.lessons ?? [], options);
  yield { kind: "begin", step: course.done, lessons: learned.lessons.length, settings };
  while (!course.over) yield { kind: "step", line: await course.step(), logits: course.logits };
  return await course.end();
}

/** @throws LearnError */
function checkCounts({ checkpointEvery, validation: v }: LearnRunOptions): void {
  const counts = {
    checkpointEvery,
    "validation.every": v?.every,
    "validation.patience": v?.patience,
    "validation.batch": v?.batch,
    "validation.maxNewTokens": v?.maxNewTokens,
  };
  for (const [name, value] of Object.entries(counts)) if (value !== undefined) checkWhole(name, value, 1);
}

const describe = ({ metric, every, patience }: Validation, { hash }: Prepared) => ({
  data: hash,
  metric,
  every,
  patience: patience ?? null,
});
