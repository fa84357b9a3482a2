import { SAMPLE_RATE } from "./pcm.ts";
import { bandPower, planPower, sparseBands } from "./spectrum.ts";

/** Mel bands of a frame. */
export const FBANK_BANDS = 128;

const FRAME = 400; // samples = 25 ms
const HOP = 160; // samples = 10 ms
const N_FFT = 512;
const BINS = N_FFT / 2 + 1;
const LOWEST_HZ = 20;
const PREEMPHASIS = 0.97;
const FLOOR = 2 ** -23; // of a band's power: the epsilon of f32
const SCALE = 2 ** 15; // Kaldi counts samples as 16-bit integers
const MEAN = 15.41663; // of AudioSet, as BEATs was trained
const STD = 6.55582;

/** Whole frames in `samples` samples at 16 kHz, the first at sample 0 (Kaldi's snip-edges). */
export const fbankFrames = (samples: number): number =>
  samples < FRAME ? 0 : 1 + Math.floor((samples - FRAME) / HOP);

/**
 * Log-mel filter bank features as BEATs takes them (arXiv 2212.09058): torchaudio's `compliance.kaldi.fbank` in f64 (25 ms
 * every 10 ms, mean removed, pre-emphasis, Povey window, power spectrum, 128 mel bands from 20 to 8000 Hz, ln), then
 * (x − 15.41663) / (2 · 6.55582).
 *
 * @param samples [n] at 16 kHz, −1 … 1
 * @returns [fbankFrames(n), 128] row-major; empty for fewer than 400 samples. No bin falls into band 3, which is constant
 */
export function fbank(samples: Float32Array): Float32Array<ArrayBuffer> {
  const frames = fbankFrames(samples.length);
  const features = new Float32Array(frames * FBANK_BANDS);
  const power = new Float64Array(2 * BINS);
  const re = new Float64Array(N_FFT);
  const im = new Float64Array(N_FFT);
  for (let t = 0; t < frames; t += 2) {
    windowed(samples, t * HOP, re);
    if (t + 1 < frames) windowed(samples, (t + 1) * HOP, im);
    else im.fill(0);
    powerOfTwoFrames(re, im, power);
    for (let frame = t; frame < Math.min(t + 2, frames); frame++)
      for (let m = 0; m < FBANK_BANDS; m++) {
        const level = Math.log(Math.max(bandPower(BANDS[m]!, power, (frame - t) * BINS), FLOOR));
        features[frame * FBANK_BANDS + m] = (level - MEAN) / (2 * STD);
      }
  }
  return features;
}

/** The frame from sample `at` on, without its mean, pre-emphasised (as if the first sample came twice) and windowed. */
function windowed(samples: Float32Array, at: number, out: Float64Array): void {
  let sum = 0;
  for (let i = 0; i < FRAME; i++) sum += samples[at + i]!;
  const mean = sum / FRAME;
  let before = samples[at]! - mean;
  for (let i = 0; i < FRAME; i++) {
    const sample = samples[at + i]! - mean;
    out[i] = SCALE * (sample - PREEMPHASIS * before) * POVEY[i]!;
    before = sample;
  }
  out.fill(0, FRAME);
}

/** Hann, symmetric, to the power of 0.85. */
const POVEY = Float64Array.from(
  { length: FRAME },
  (_, i) => (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (FRAME - 1))) ** 0.85,
);

const powerOfTwoFrames = planPower([8, 8, 8]);

/**
 * Kaldi's mel filter bank over the 257 bins of a 512-sample transform: triangles of height 1 in mel. torchaudio computes
 * them in f32, which moves its features by up to 1e-5.
 *
 * @returns [128, 257]
 */
export function kaldiFilters(): Float32Array {
  const low = kaldiMel(LOWEST_HZ);
  const width = (kaldiMel(SAMPLE_RATE / 2) - low) / (FBANK_BANDS + 1);
  const filters = new Float32Array(FBANK_BANDS * BINS);
  for (let m = 0; m < FBANK_BANDS; m++)
    for (let bin = 0; bin < BINS - 1; bin++) {
      const up = (kaldiMel((bin * SAMPLE_RATE) / N_FFT) - low) / width - m;
      filters[m * BINS + bin] = Math.max(0, Math.min(up, 2 - up));
    }
  return filters;
}

const kaldiMel = (hz: number): number => 1127 * Math.log(1 + hz / 700);

const BANDS = sparseBands(kaldiFilters(), BINS);
