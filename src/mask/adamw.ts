/** AdamW (arXiv 1711.05101) without weight decay, as PyTorch computes it: betas 0.9 and 0.999, eps 1e-8. */
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPS = 1e-8;

/** The optimiser's memory; begins with zeros. */
export interface Moments {
  readonly mean: Float32Array;
  readonly square: Float32Array;
}

export const moments = (count: number): Moments => ({
  mean: new Float32Array(count),
  square: new Float32Array(count),
});

/**
 * One update in place: x −= rate · m̂ / (√v̂ + eps).
 *
 * @param step counted from 1
 */
export function adamw(x: Float32Array, dx: Float32Array, m: Moments, step: number, rate: number): void {
  const [correct1, correct2] = [1 - BETA1 ** step, Math.sqrt(1 - BETA2 ** step)];
  for (const [i, d] of dx.entries()) {
    m.mean[i] = BETA1 * m.mean[i]! + (1 - BETA1) * d;
    m.square[i] = BETA2 * m.square[i]! + (1 - BETA2) * d * d;
    x[i]! -= ((rate / correct1) * m.mean[i]!) / (Math.sqrt(m.square[i]!) / correct2 + EPS);
  }
}
