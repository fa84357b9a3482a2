import { GpuError } from "../gpu/index.ts";
import { SourceError } from "../io/source.ts";
import type { Store } from "../io/store.ts";
import { LearnError, RunStoppedError } from "../mask/errors.ts";
import { type Lesson, loadClip } from "../mask/examples.ts";
import { HeadMask } from "../mask/head-mask.ts";
import { Learner } from "../mask/learn.ts";
import { checkSettings, type LearnSettings } from "../mask/learn-settings.ts";
import { type LogLine, RunFolder } from "../mask/run.ts";
import type { RunState } from "../mask/run-state.ts";
import type { AudioLanguageModel } from "../model/index.ts";
import { ClipCache } from "./clip-cache.ts";
import { type LearnData, type Prepared, type PrepareEvent, prepareLessons } from "./learn-data.ts";
import type { Pair, Score } from "./metric-types.ts";
import { METRICS, type TextMetric } from "./metrics.ts";

/** Generates the answers to rows that are not learned from, under the mask as it is, and scores them. */
export interface Validation extends LearnData {
  readonly metric: TextMetric;
  /** Steps from one to the next; the last step is followed by one too. */
  readonly every: number;
  /** Stop after so many in a row that are no better than the best; if not given, never. */
  readonly patience?: number;
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
  | { readonly kind: "step"; readonly line: LogLine };

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
  const prepare = (of: LearnData) => prepareLessons(model, of, prompt, cache, signal);
  const learned = yield* prepare(data);
  const validated = validation && (yield* prepare(validation));
  const learner = new Learner(model, learned.lessons, settings);
  const config = {
    model: model.name,
    fingerprint: model.fingerprint,
    data: learned.hash,
    task: task ?? null,
    prompt,
    settings,
    validation: validation && validated ? describe(validation, validated) : null,
  };
  const run = await RunFolder.open(store, config, model.layers * model.heads, options);
  for (const text of run.notes) yield { kind: "note", text };
  const course = new Course(model, learner, run, validated?.lessons ?? [], options);
  yield { kind: "begin", step: learner.state.step, lessons: learned.lessons.length, settings };
  while (!course.over) yield { kind: "step", line: await course.step() };
  return await course.end();
}

const describe = ({ metric, every, patience }: Validation, { hash }: Prepared) => ({
  data: hash,
  metric,
  every,
  patience: patience ?? null,
});

const BATCH = 8; // answers generated together

/** A run under way: each step is done, validated and logged as one, or not at all. */
class Course {
  #state: RunState;

  constructor(
    private readonly model: AudioLanguageModel,
    private readonly learner: Learner,
    private readonly run: RunFolder,
    private readonly unseen: readonly Lesson[], // for validation
    private readonly options: LearnRunOptions,
  ) {
    this.#state = run.state ?? { ...learner.state, misses: 0 };
    learner.restore(this.#state);
  }

  get over(): boolean {
    const { patience = Infinity } = this.options.validation ?? {};
    return this.learner.done || this.#state.misses >= patience;
  }

  /** @throws RunStoppedError, the signal's reason */
  async step(): Promise<LogLine> {
    const { learner, run, options } = this;
    if (options.signal?.aborted) {
      if (run.safe !== this.#state.step) await this.#kept(() => run.checkpoint(this.#state));
      throw options.signal.reason;
    }
    const { line, state } = await this.#try(async () => {
      const report = await learner.step();
      const score = this.#validates(report.step) ? await this.#validate() : undefined;
      const tokensPerSecond = (1000 * report.tokens) / report.ms;
      const { bytes } = this.model.family.lm.gpu;
      return {
        line: { ...report, tokensPerSecond, bytes, ...(score && { validation: score.value }) },
        state: { ...this.#judged(score), ...learner.state },
      };
    });
    await this.#kept(async () => {
      await run.append(line);
      this.#state = state;
      if (state.best?.step === state.step) await run.writeBest(this.#bestMask(state.best)!);
      const due = state.step % (options.checkpointEvery ?? 10) === 0;
      if (due || this.over) await run.checkpoint(state);
    });
    return line;
  }

  /** Writes the masks. */
  async end(): Promise<Learned> {
    const { learner, run } = this;
    const log = await run.log();
    const last = log.slice(-10);
    const loss = last.reduce((sum, line) => sum + line.loss, 0) / last.length;
    const mask = this.#about(learner.mask(true), { step: this.#state.step, loss });
    await this.#kept(() => run.writeMask(mask));
    const best = this.#bestMask(this.#state.best);
    if (best) await this.#kept(() => run.writeBest(best));
    return { mask, ...(best && { best }), state: this.#state, log };
  }

  /** What goes wrong in a step leaves the state before it, which is kept. */
  async #try<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      this.learner.restore(this.#state);
      await this.run.checkpoint(this.#state).catch(() => {}); // that of an earlier step is there
      throw this.#stopped(error);
    }
  }

  async #kept(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      throw this.#stopped(error);
    }
  }

  #stopped(error: unknown): unknown {
    const known = [GpuError, LearnError, SourceError].some((type) => error instanceof type);
    if (!known) return error;
    const { safe, store } = this.run;
    return new RunStoppedError(
      `${(error as Error).message}; the run is kept up to step ${safe} in ${store.name}: go on with --resume`,
      { cause: error },
    );
  }

  #validates(step: number): boolean {
    const { validation } = this.options;
    return validation !== undefined && (step % validation.every === 0 || this.learner.done);
  }

  /** Generates the answers under the mask as it is, and scores them. */
  async #validate(): Promise<Score> {
    const { prompt = "", signal, validation } = this.options;
    const mask = this.learner.mask(true);
    const pairs: Pair[] = [];
    for (let from = 0; from < this.unseen.length; from += BATCH) {
      signal?.throwIfAborted();
      const some = this.unseen.slice(from, from + BATCH);
      const audio = await Promise.all(some.map((lesson) => Promise.all([lesson.audio].flat().map(loadClip))));
      const questions = audio.map((clips) => ({ audio: clips, prompt, mask }));
      const answers = await this.model.answer(questions, signal ? { signal } : {});
      for (const [i, { text }] of some.entries())
        pairs.push({ hypothesis: answers[i]!.text, reference: text });
    }
    return METRICS[validation!.metric](pairs, {});
  }

  /** The best so far, a validation just made among them. */
  #judged(score: Score | undefined): Pick<RunState, "best" | "misses"> {
    const { best, misses } = this.#state;
    if (!score) return { ...(best && { best }), misses };
    const { value, better } = score;
    const gain = best ? (better === "higher" ? value - best.value : best.value - value) : Infinity;
    if (best && gain < 0) return { best, misses: misses + 1 };
    // Of equally good ones the last: it was learned longer.
    const now = { step: this.learner.state.step, value, logits: this.learner.mask(true).logits! };
    return { best: now, misses: gain > 0 ? 0 : misses + 1 };
  }

  #bestMask(best: RunState["best"]): HeadMask | undefined {
    if (!best) return undefined;
    const { layers, heads } = this.model;
    const { metric } = this.options.validation!;
    return this.#about(HeadMask.fromLogits(layers, heads, best.logits), {
      step: best.step,
      [metric]: best.value,
    });
  }

  /** With what its file is to say about it. */
  #about(mask: HeadMask, metrics: Readonly<Record<string, number>>): HeadMask {
    const { fingerprint } = this.model;
    const { task, prompt } = this.options;
    return mask.withMetadata({
      fingerprint,
      ...(task && { task }),
      ...(prompt && { prompt }),
      settings: JSON.stringify(this.learner.settings),
      metrics: JSON.stringify(metrics),
    });
  }
}
