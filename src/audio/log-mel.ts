import { SAMPLE_RATE } from "./pcm.ts";
import { bandPower, planPower, sparseBands } from "./spectrum.ts";

const N_FFT = 400; // samples = 25 ms
const HOP = 160; // samples = 10 ms
const BINS = N_FFT / 2 + 1;
const FLOOR = 1e-10; // of a mel band's power
const DYNAMIC_RANGE = 8; // powers of ten below the loudest value of the window

/** Mel frames that `samples` samples at 16 kHz fill: ⌈samples / 160⌉. */
export const melFrames = (samples: number): number => Math.ceil(samples / HOP);

/**
 * Log-mel features as WhisperFeatureExtractor makes them: Hann window of 400 samples every 160, centred with
 * reflection, power spectrum, Slaney mel bands, log10, clamped 8 below the window's maximum, then (x + 4) / 4.
 * Sums are in f64.
 *
 * @param samples [n] at 16 kHz, padded with zeros or cut to frames · 160
 * @returns [frames, mels] row-major: row t holds the bands of frame t
 * @throws RangeError for fewer than 2 frames (reflection needs 200 samples) or no bands
 */
export function logMel(
  samples: Float32Array,
  { mels, frames }: { mels: number; frames: number },
): Float32Array {
  if (!(Number.isInteger(frames) && frames >= 2 && Number.isInteger(mels) && mels >= 1)) {
    throw new RangeError(
      `logMel: expected 2 frames and 1 mel band or more, got ${frames} and ${mels}; check the config`,
    );
  }
  const filters = sparseBands(melFilters(mels), BINS);
  const padded = new Float64Array(frames * HOP + N_FFT);
  const used = Math.min(samples.length, frames * HOP);
  reflectPad(samples.subarray(0, used), frames * HOP, padded);
  // A frame that begins at or after `used` holds only zeros: its power is 0, its logarithm that of the floor.
  const busy = Math.min(frames, Math.ceil((used + N_FFT / 2) / HOP));
  const features = new Float32Array(frames * mels).fill(Math.log10(FLOOR));
  const power = new Float64Array(2 * BINS);
  const re = new Float64Array(N_FFT);
  const im = new Float64Array(N_FFT);
  for (let t = 0; t < busy; t += 2) {
    for (let i = 0; i < N_FFT; i++) {
      re[i] = padded[t * HOP + i]! * HANN[i]!;
      im[i] = padded[(t + 1) * HOP + i]! * HANN[i]!;
    }
    powerOfTwoFrames(re, im, power);
    for (let frame = t; frame < Math.min(t + 2, busy); frame++) {
      const spectrum = (frame - t) * BINS;
      for (let m = 0; m < mels; m++)
        features[frame * mels + m] = Math.log10(Math.max(bandPower(filters[m]!, power, spectrum), FLOOR));
    }
  }
  const least =
    features.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY) - DYNAMIC_RANGE;
  return features.map((value) => (Math.max(value, least) + 4) / 4);
}

const HANN = Float64Array.from({ length: N_FFT }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / N_FFT));

const powerOfTwoFrames = planPower([4, 4, 5, 5]);

/** out = `samples`, zeros up to `length`, 200 samples mirrored on both sides; out[200] is sample 0. */
function reflectPad(samples: Float32Array, length: number, out: Float64Array): void {
  const half = N_FFT / 2;
  out.set(samples, half);
  for (let i = 1; i <= half; i++) {
    out[half - i] = out[half + i]!;
    out[half + length - 1 + i] = out[half + length - 1 - i]!;
  }
}

/**
 * Slaney's mel filter bank from 0 to 8000 Hz over the 201 bins of a 400-sample transform at 16 kHz: triangles evenly
 * spaced in mel, each of area 1 (in Hz).
 *
 * @returns [mels, 201]
 */
export function melFilters(mels: number): Float32Array {
  const top = hzToMel(SAMPLE_RATE / 2);
  const edges = Array.from({ length: mels + 2 }, (_, i) => melToHz((top * i) / (mels + 1)));
  const filters = new Float32Array(mels * BINS);
  for (let m = 0; m < mels; m++) {
    const [low, centre, high] = [edges[m]!, edges[m + 1]!, edges[m + 2]!];
    for (let bin = 0; bin < BINS; bin++) {
      const hz = (bin * SAMPLE_RATE) / N_FFT;
      const height = Math.min((hz - low) / (centre - low), (high - hz) / (high - centre));
      filters[m * BINS + bin] = (Math.max(0, height) * 2) / (high - low);
    }
  }
  return filters;
}

const LINEAR_HZ = 1000; // Slaney's scale is linear below, logarithmic above
const LINEAR_MEL = 15;
const LOG_STEP = Math.log(6.4) / 27; // a mel above 1000 Hz

const hzToMel = (hz: number): number =>
  hz < LINEAR_HZ ? (hz * LINEAR_MEL) / LINEAR_HZ : LINEAR_MEL + Math.log(hz / LINEAR_HZ) / LOG_STEP;

const melToHz = (mel: number): number =>
  mel < LINEAR_MEL ? (mel * LINEAR_HZ) / LINEAR_MEL : LINEAR_HZ * Math.exp((mel - LINEAR_MEL) * LOG_STEP);
