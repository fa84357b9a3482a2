/** A learning rate that rises linearly from `start` to `peak` and falls along a cosine to `end`. */
export interface RateSchedule {
  readonly start: number;
  readonly peak: number;
  readonly end: number;
  readonly warmup: number; // share of the steps
}

/** A temperature that falls linearly from `start` to `end` over a share of the steps, then stays. */
export interface TauSchedule {
  readonly start: number;
  readonly end: number;
  readonly share: number;
}

/** The rate of step `step` (from 0) of `steps`; the cosine counts from the first step, as the published code's does. */
export function rateAt({ start, peak, end, warmup }: RateSchedule, step: number, steps: number): number {
  const rising = Math.round(warmup * steps);
  if (step < rising) return start + ((peak - start) * step) / rising;
  return end + (peak - end) * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
}

/** The temperature of step `step` (from 0) of `steps`. */
export function tauAt({ start, end, share }: TauSchedule, step: number, steps: number): number {
  const falling = share * steps;
  return step < falling ? start + ((end - start) * step) / falling : end;
}
