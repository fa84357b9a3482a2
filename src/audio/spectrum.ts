/** What both kinds of mel features share: the power spectra of real frames, and sums of them over bands. */
import { planFft } from "./fft.ts";

/**
 * Plans the power spectra of two real frames at once, one as the real, one as the imaginary part of a complex transform
 * of length n = Π radices. They are replaced by their transform; power is [2, n/2 + 1].
 */
export function planPower(
  radices: readonly number[],
): (re: Float64Array, im: Float64Array, power: Float64Array) => void {
  const fft = planFft(radices);
  const length = radices.reduce((product, radix) => product * radix, 1);
  const bins = length / 2 + 1;
  return (re, im, power) => {
    fft(re, im);
    for (let k = 0; k < bins; k++) {
      const mirror = (length - k) % length;
      const [a, b, c, d] = [re[k]!, im[k]!, re[mirror]!, im[mirror]!];
      power[k] = ((a + c) ** 2 + (b - d) ** 2) / 4;
      power[bins + k] = ((b + d) ** 2 + (a - c) ** 2) / 4;
    }
  };
}

/** A band's weights, from bin `first` on; none for a band that no bin falls into. */
export interface Band {
  readonly first: number;
  readonly weights: Float64Array;
}

/** Each row of `filters` [bands, bins] without the zeros around its weights. */
export const sparseBands = (filters: Float32Array, bins: number): Band[] =>
  Array.from({ length: filters.length / bins }, (_, m) => {
    const row = filters.subarray(m * bins, (m + 1) * bins);
    const first = Math.max(
      0,
      row.findIndex((weight) => weight > 0),
    );
    const end = row.findLastIndex((weight) => weight > 0) + 1;
    return { first, weights: Float64Array.from(row.subarray(first, end)) };
  });

/** Σ weights · power over a band, of the spectrum that begins at power[spectrum]. */
export function bandPower({ first, weights }: Band, power: Float64Array, spectrum: number): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i]! * power[spectrum + first + i]!;
  return sum;
}
