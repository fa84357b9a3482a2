import { resampled } from "../mask/noise.ts";

/** A score with what chance could have made of it. */
export interface Estimate {
  readonly value: number;
  /** Ends of the interval that the score falls into for 95 of 100 drawings of as many clips. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;
const LEVEL = 0.95;
const SEED = 20250901;

/**
 * A corpus score with its percentile bootstrap interval: the clips are drawn again, with replacement, and scored
 * (Efron, "Bootstrap methods: another look at the jackknife", 1979).
 *
 * @param count clips
 * @param score of the clips with these indices, which may repeat
 */
export function bootstrap(count: number, score: (clips: readonly number[]) => number): Estimate {
  const scores = Array.from({ length: RESAMPLES }, (_, draw) => score(resampled(SEED, draw, count)));
  const tail = (1 - LEVEL) / 2;
  return {
    value: score(Array.from({ length: count }, (_, i) => i)),
    low: quantile(scores, tail),
    high: quantile(scores, 1 - tail),
  };
}

/** The q-quantile, linear between the two nearest values, as NumPy's. NaN for none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const [a, b] = [sorted[below]!, sorted[Math.ceil(at)]!];
  return a + (at - below) * (b - a);
}

/** Whether an interval leaves out 0: a difference beyond noise. */
export const beyondNoise = ({ low, high }: Estimate): boolean => low > 0 || high < 0;

/** NaN for none. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of a sample (n − 1); 0 for fewer than two. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
