import { DeviceLostError, GpuError } from "../gpu/index.ts";
import { SourceError } from "../io/source.ts";
import { LearnError, RunStoppedError } from "../mask/errors.ts";
import { type Lesson, loadClip } from "../mask/examples.ts";
import { HeadMask } from "../mask/head-mask.ts";
import type { Learner } from "../mask/learn.ts";
import { type RunFolder, stepsDone } from "../mask/run.ts";
import type { LogLine, RunState } from "../mask/run-state.ts";
import { type AudioLanguageModel, GenerateError } from "../model/index.ts";
import type { Learned, LearnRunOptions } from "./learn-run.ts";
import type { Pair, Score } from "./metric-types.ts";

const BATCH = 8; // answers generated together

/** A run under way: each step is done, validated and logged as one, or not at all. */
export class Course {
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

  /** Steps that are done, their validations too. */
  get done(): number {
    return stepsDone(this.#state);
  }

  /** [L·H] */
  get logits(): Float32Array {
    return this.#state.logits;
  }

  get over(): boolean {
    const { patience = Infinity } = this.options.validation ?? {};
    return !this.#state.owed && (this.learner.done || this.#state.misses >= patience);
  }

  /** @throws RunStoppedError, the signal's reason */
  async step(): Promise<LogLine> {
    const { run, options } = this;
    if (options.signal?.aborted) {
      await this.#kept(() => run.checkpoint(this.#state));
      throw options.signal.reason;
    }
    const learned = this.#state.owed ?? (await this.#learn());
    const { owed: _, ...state } = this.#state;
    const score = this.#validates(learned.step) ? await this.#validate() : undefined;
    const line = { ...learned, ...(score && { validation: score.value }) };
    await this.#kept(async () => {
      await run.append(line);
      this.#state = { ...state, ...this.#judged(score) };
      const { best, step } = this.#state;
      if (best?.step === step) await run.writeBest(this.#bestMask(best)!);
      const due = step % (options.checkpointEvery ?? 10) === 0;
      if (due || score || this.over) await run.checkpoint(this.#state);
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

  /** A step without its validation. What goes wrong leaves the state before it, which is kept. */
  async #learn(): Promise<LogLine> {
    try {
      const report = await this.learner.step();
      const tokensPerSecond = (1000 * report.tokens) / report.ms;
      const line = { ...report, tokensPerSecond, bytes: this.model.family.lm.gpu.bytes };
      const { best, misses } = this.#state;
      this.#state = { ...this.learner.state, ...(best && { best }), misses, owed: line };
      return line;
    } catch (error) {
      await this.run.checkpoint(this.#state).catch(() => {}); // that of an earlier step is there
      const scarce =
        "resume it with a smaller keep-mib, or begin a run with a smaller batch or a larger accumulate";
      throw this.#stopped(error, scarce);
    }
  }

  async #kept(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      throw this.#stopped(error);
    }
  }

  /** @param scarce what helps when the GPU, or the model, has not room enough */
  #stopped(error: unknown, scarce = "resume it"): unknown {
    const types = [GpuError, LearnError, SourceError, GenerateError];
    if (!(error instanceof Error && types.some((type) => error instanceof type))) return error;
    const { safe, store } = this.run;
    const kept = `the run is kept up to step ${safe} in ${store.name}`;
    if (error instanceof LearnError)
      return new RunStoppedError(`${error.message}; ${kept}`, { cause: error });
    const passing = error instanceof DeviceLostError || error instanceof SourceError;
    const remedy = passing ? "resume it" : scarce;
    return new RunStoppedError(`${error.message}; ${kept}: ${remedy}`, { cause: error });
  }

  #validates(step: number): boolean {
    const { validation } = this.options;
    return validation !== undefined && (step % validation.every === 0 || this.learner.done);
  }

  /** Scores the mask as it is; the step just done is kept before, since its answers may take long, or fail. */
  async #validate(): Promise<Score> {
    await this.#kept(() => this.run.checkpoint(this.#state));
    try {
      const { metric } = this.options.validation!;
      const { METRICS } = await import("./metrics.ts"); // only now: word lists that few pages need
      return METRICS[metric](await this.#answers(), {});
    } catch (error) {
      throw this.#stopped(error, "resume it with a smaller --eval-batch or --eval-max-new-tokens");
    }
  }

  async #answers(): Promise<Pair[]> {
    const { prompt = "", signal, validation } = this.options;
    const { batch = BATCH, maxNewTokens } = validation!;
    const mask = this.learner.mask(true);
    const pairs: Pair[] = [];
    for (let from = 0; from < this.unseen.length; from += batch) {
      signal?.throwIfAborted();
      const some = this.unseen.slice(from, from + batch);
      const audio = await Promise.all(some.map((lesson) => Promise.all([lesson.audio].flat().map(loadClip))));
      const questions = audio.map((clips) => ({ audio: clips, prompt, mask }));
      const answers = await this.model.answer(questions, {
        ...(signal && { signal }),
        ...(maxNewTokens && { maxNewTokens }),
      });
      for (const [i, { text }] of some.entries())
        pairs.push({ hypothesis: answers[i]!.text, reference: text });
    }
    return pairs;
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
    const { keepBytes: _, ...settings } = this.learner.settings; // says nothing about the mask
    return mask.withMetadata({
      fingerprint,
      ...(task && { task }),
      ...(prompt && { prompt }),
      settings: JSON.stringify(settings),
      metrics: JSON.stringify(metrics),
    });
  }
}
