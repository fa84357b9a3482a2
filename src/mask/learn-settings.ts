import { LearnError } from "./errors.ts";
import type { GateKind } from "./gumbel.ts";
import type { RateSchedule, TauSchedule } from "./schedule.ts";

/** How a mask is learned. The defaults are the published code's, but for the number of steps. */
export interface LearnSettings {
  readonly steps: number;
  readonly batch: number; // samples a step
  /** Parts in which a batch is worked through, to save memory; the gradient is the same but for rounding. */
  readonly accumulate: number;
  readonly rate: RateSchedule;
  readonly tau: TauSchedule;
  /** Price of a head that is on, in nats. */
  readonly lambda: number;
  /** At most so many heads: the price is steered towards it, and the mask at the end keeps exactly so many. */
  readonly budget?: number;
  readonly gates: GateKind;
  /** Logits begin as normal numbers. */
  readonly init: { readonly mean: number; readonly std: number };
  readonly seed: number; // 0 … 2^32 − 1
  /** Bytes of activations kept for the way back; beyond, layers are computed again. */
  readonly keepBytes: number;
}

export const LEARN_DEFAULTS: LearnSettings = {
  steps: 300,
  batch: 16,
  accumulate: 1,
  rate: { start: 1e-6, peak: 1e-2, end: 1e-4, warmup: 0.1 },
  tau: { start: 4, end: 0.05, share: 0.3 },
  lambda: 1e-4,
  gates: "hard",
  init: { mean: 4, std: 0.02 },
  seed: 0,
  keepBytes: 256 * 2 ** 20,
};

/** @throws LearnError when a value is no whole number within bounds */
export function checkWhole(name: string, value: number, least: number, most = Infinity): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new LearnError(`learn: expected ${name} to be a whole number ${range}, got ${value}`);
}

/** @throws LearnError naming the first setting that is out of range */
export function checkSettings(given: Partial<LearnSettings>, allHeads: number): LearnSettings {
  const o = { ...LEARN_DEFAULTS, ...given };
  const check = (ok: boolean, name: string, expected: string, got: unknown) => {
    if (!ok) throw new LearnError(`learn: expected ${name} ${expected}, got ${String(got)}`);
  };
  const positive = (name: string, value: number) =>
    check(value > 0 && value < Infinity, name, "above 0", value);
  const share = (name: string, value: number) =>
    check(value >= 0 && value <= 1, name, "to be a share from 0 to 1", value);
  checkWhole("steps", o.steps, 1, 1e9);
  checkWhole("batch", o.batch, 1, 65_536);
  checkWhole("accumulate", o.accumulate, 1, o.batch);
  checkWhole("seed", o.seed, 0, 2 ** 32 - 1);
  checkWhole("keepBytes", o.keepBytes, 0, Number.MAX_SAFE_INTEGER);
  if (o.budget !== undefined) checkWhole("budget (heads to keep)", o.budget, 1, allHeads);
  positive("rate.peak", o.rate.peak);
  check(o.rate.peak <= 10, "rate.peak", "of at most 10", o.rate.peak);
  for (const name of ["start", "end"] as const) {
    positive(`rate.${name}`, o.rate[name]);
    check(o.rate[name] <= o.rate.peak, `rate.${name}`, `of at most rate.peak ${o.rate.peak}`, o.rate[name]);
  }
  share("rate.warmup", o.rate.warmup);
  positive("tau.start", o.tau.start);
  positive("tau.end", o.tau.end);
  check(o.tau.end <= o.tau.start, "tau.end", `of at most tau.start ${o.tau.start}`, o.tau.end);
  share("tau.share", o.tau.share);
  check(o.lambda >= 0 && o.lambda < Infinity, "lambda", "of at least 0", o.lambda);
  check(
    o.budget === undefined || o.lambda > 0,
    "lambda",
    "above 0 with a budget, since it is steered from there",
    o.lambda,
  );
  check(["hard", "soft", "sigmoid"].includes(o.gates), "gates", "hard, soft or sigmoid", o.gates);
  check(Number.isFinite(o.init.mean), "init.mean", "to be a number", o.init.mean);
  check(o.init.std >= 0 && o.init.std < Infinity, "init.std", "of at least 0", o.init.std);
  return o;
}
