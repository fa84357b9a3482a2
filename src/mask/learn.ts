import type { AudioLanguageModel } from "../model/index.ts";
import { adamw, type Moments, moments } from "./adamw.ts";
import { LearnError } from "./errors.ts";
import { type Example, type HeardClip, type Lesson, loadExample, toExample } from "./examples.ts";
import { gateGradient } from "./gate-gradient.ts";
import { type DrawnGates, drawGates, expectedOn } from "./gumbel.ts";
import { HeadMask } from "./head-mask.ts";
import { checkSettings, type LearnSettings } from "./learn-settings.ts";
import { gateNoise, initialLogits, shuffled } from "./noise.ts";
import { rateAt, tauAt } from "./schedule.ts";

/** All that a run's next step depends on, besides its settings and lessons. */
export interface LearnState {
  readonly step: number; // steps done
  readonly logits: Float32Array; // M [L·H]
  readonly moments: Moments;
  readonly lambda: number; // of the next step
}

/** What one step did. */
export interface StepReport {
  readonly step: number; // from 1
  readonly loss: number; // mean cross-entropy of the answers' tokens, nats
  readonly penalty: number; // λ · mean number of gates on
  readonly tau: number;
  readonly rate: number;
  readonly lambda: number;
  readonly on: number; // heads that the mask would keep now
  readonly gradientNorm: number;
  readonly tokens: number; // of the batch, prompts and answers
  readonly ms: number;
}

/**
 * Learns a head mask of a frozen model by gradient (AHAMask, arXiv 2509.01787): logits M over the heads; each sample of
 * a batch draws gates of its own from them; AdamW on M follows the loss of the answers and a price on heads.
 *
 * @throws LearnError for settings or lessons that make no sense
 */
export class Learner {
  readonly settings: LearnSettings;
  readonly examples: readonly Example<HeardClip>[];
  #state: LearnState;

  constructor(
    readonly model: AudioLanguageModel,
    lessons: readonly Lesson[],
    settings: Partial<LearnSettings> = {},
  ) {
    const { layers, heads } = model;
    this.settings = checkSettings(settings, layers * heads);
    if (lessons.length === 0) throw new LearnError("learn: expected at least one lesson, got none");
    this.examples = lessons.map((lesson) => toExample(model, lesson));
    const { seed, init, lambda } = this.settings;
    const logits = initialLogits(seed, layers * heads, init.mean, init.std);
    this.#state = { step: 0, logits, moments: moments(logits.length), lambda };
  }

  get state(): LearnState {
    return this.#state;
  }

  /** Goes on from a state of the same run. */
  restore(state: LearnState): void {
    const { length } = this.#state.logits;
    if (state.logits.length !== length)
      throw new LearnError(`learn: expected a state of ${length} heads, got ${state.logits.length}`);
    this.#state = state;
  }

  get done(): boolean {
    return this.#state.step >= this.settings.steps;
  }

  /**
   * The mask that the logits say now: a head is on where M ≥ 0.
   *
   * @param last it is to be used as it is, not learned further: with a budget it keeps exactly its number of heads
   */
  mask(last = this.done): HeadMask {
    const { layers, heads, fingerprint } = this.model;
    const { budget } = this.settings;
    const logits =
      budget !== undefined && last ? keepLargest(this.#state.logits, budget) : this.#state.logits;
    return HeadMask.fromLogits(layers, heads, logits).withMetadata({ fingerprint });
  }

  /** @throws LearnError when the loss is no number; the state stays that before the step. DeviceLostError likewise. */
  async step(): Promise<StepReport> {
    const start = performance.now();
    const { settings: o, examples: all } = this;
    const { step, lambda } = this.#state;
    const [tau, rate] = [tauAt(o.tau, step, o.steps), rateAt(o.rate, step, o.steps)];
    const logits = this.#state.logits.slice();
    const batch = Array.from({ length: o.batch }, (_, b) => all[this.#pick(step * o.batch + b)]!);
    const drawn = batch.map((_, b) =>
      drawGates(logits, gateNoise(o.seed, step, b, logits.length), tau, o.gates),
    );

    const { loss, dlogits } = await this.#gradient(batch, drawn);
    for (const { slope } of drawn)
      for (const [i, s] of slope.entries()) dlogits[i]! += (lambda * s) / o.batch;
    const gradientNorm = Math.hypot(...dlogits);
    if (!Number.isFinite(gradientNorm))
      throw new LearnError(
        `learn: expected a finite gradient in step ${step + 1}, got ${gradientNorm} from ` +
          `${batch.map(({ name }) => name).join(", ")}; check the weights, or begin a run with a lower rate`,
      );
    const gates = drawn.reduce((n, d) => n + d.gates.reduce((a, b) => a + b, 0), 0) / o.batch;

    const { mean, square } = this.#state.moments;
    const next = { mean: mean.slice(), square: square.slice() };
    adamw(logits, dlogits, next, step + 1, rate);
    this.#state = { step: step + 1, logits, moments: next, lambda: steer(lambda, logits, o) };
    return {
      step: step + 1,
      loss,
      penalty: lambda * gates,
      tau,
      rate,
      lambda,
      on: logits.reduce((n, m) => n + Number(m >= 0), 0),
      gradientNorm,
      tokens: batch.reduce((n, { prompt, answer }) => n + prompt.ids.length + answer.length, 0),
      ms: performance.now() - start,
    };
  }

  /** The mean loss of the answers' tokens and its gradient, summed over the parts of the batch. */
  async #gradient(batch: readonly Example<HeardClip>[], drawn: readonly DrawnGates[]) {
    const { accumulate, keepBytes } = this.settings;
    const answers = batch.reduce((n, { answer }) => n + answer.length, 0);
    const dlogits = new Float32Array(this.#state.logits.length);
    let loss = 0;
    for (const [from, to] of parts(batch.length, accumulate)) {
      const examples = await Promise.all(batch.slice(from, to).map(loadExample));
      const { lm } = this.model.family;
      const part = await gateGradient(lm, examples, drawn.slice(from, to), 1 / answers, keepBytes);
      for (const [b, losses] of part.losses.entries())
        loss += finite(losses, this.#state.step, examples[b]!) / answers;
      for (const [i, d] of part.dlogits.entries()) dlogits[i]! += d;
    }
    return { loss, dlogits };
  }

  /** Which example is the i-th of the run: epoch after epoch, each shuffled. */
  #pick(i: number): number {
    const { length } = this.examples;
    const epoch = Math.floor(i / length);
    if (this.#epoch?.epoch !== epoch)
      this.#epoch = { epoch, order: shuffled(this.settings.seed, epoch, length) };
    return this.#epoch.order[i % length]!;
  }
  #epoch: { epoch: number; order: Uint32Array } | undefined;
}

/** [from, to) of `count` parts of a batch, as equal as they can be. */
function parts(batch: number, count: number): [number, number][] {
  const cut = (i: number) => Math.floor((i * batch) / count);
  return Array.from({ length: count }, (_, i) => [cut(i), cut(i + 1)] as [number, number]);
}

/** The sum of an example's losses. */
function finite(losses: Float32Array, step: number, { name }: Example): number {
  const total = losses.reduce((a, b) => a + b, 0);
  if (Number.isFinite(total)) return total;
  throw new LearnError(
    `learn: expected a finite loss in step ${step + 1}, got ${total} for ${name}; listen to the clip, ` +
      "check the weights, or begin a run with a lower rate",
  );
}

/** The price of a head for the next step: with a budget it rises while more heads are on than that, and falls otherwise. */
function steer(lambda: number, logits: Float32Array, { budget, steps, gates }: LearnSettings): number {
  if (budget === undefined) return lambda;
  const excess = (expectedOn(logits, gates) - budget) / Math.max(budget, logits.length - budget);
  return Math.min(1e3, Math.max(1e-6, lambda * Math.exp((36 * excess) / steps))); // e^18 from end to end at excess ½
}

/** Shifted so that exactly the `count` largest logits are at least 0; of equal ones the earlier heads. */
function keepLargest(logits: Float32Array, count: number): Float32Array {
  const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
  const last = logits[order[count - 1]!]!;
  const edge = (last + (logits[order[count]!] ?? last)) / 2;
  const kept = new Set(order.slice(0, count));
  return logits.map((m, i) => (kept.has(i) ? Math.max(m - edge, 0) : Math.min(m - edge, -1e-6)));
}
