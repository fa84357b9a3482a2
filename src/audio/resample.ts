/** Half the filter's length, in samples of the lower rate. */
const HALF_WIDTH = 68;
/** The pass band's end, as a share of the lower Nyquist frequency; the stop band begins at 1. */
const PASS = 0.91;
/** Kaiser's beta for 96 dB: 0.1102 (96 - 8.7). */
const BETA = 9.62;
/** Up to this many taps, every phase of the rational ratio has its own exact row. */
const MAX_TAPS = 1 << 20;
/** Otherwise rows this close (a sample of the lower rate) are interpolated, which adds an error under -115 dB. */
const PHASES = 1024;

/**
 * Resamples by a windowed sinc (Kaiser), polyphase, with linear phase and no delay; sums are in f64. Flat within
 * 0.001 dB up to 0.91 of the lower Nyquist frequency, at least 90 dB down from that frequency on; the edges see zeros.
 *
 * @param x [n] samples at `from` Hz
 * @param from, to integer rates in Hz
 * @returns [⌈n · to / from⌉] samples at `to` Hz, as librosa, soxr and torchaudio have it; `x` itself if from = to
 */
export function resample(x: Float32Array, from: number, to: number): Float32Array {
  for (const rate of [from, to]) {
    if (!Number.isInteger(rate) || rate <= 0) {
      throw new RangeError(
        `resample: expected integer rates above 0 Hz, got ${from} to ${to}; check the file`,
      );
    }
  }
  if (from === to) return x;
  const divisor = gcd(from, to);
  const up = to / divisor;
  const down = from / divisor;
  const { rows, phases, width } = designFilter(from, to, up);
  const y = new Float32Array(Math.ceil((x.length * up) / down));
  for (let k = 0; k < y.length; k++) {
    const position = k * down; // in units of 1/up input samples
    const phase = ((position % up) * phases) / up;
    const row = Math.floor(phase);
    const first = Math.floor(position / up) - width / 2 + 1;
    const low = dot(x, first, rows, row * width, width);
    const fraction = phase - row; // 0 where every phase has its row
    y[k] = fraction ? low + fraction * (dot(x, first, rows, (row + 1) * width, width) - low) : low;
  }
  return y;
}

/**
 * Rows of taps [phases + 1, width]: row p is the filter for an output p / phases of a sample after an input sample.
 * Each row sums to 1, so that a constant stays the same.
 */
function designFilter(from: number, to: number, up: number) {
  const scale = Math.min(1, to / from); // of the lower rate to the input's
  const width = 2 * Math.ceil(HALF_WIDTH / scale);
  const phases = up * width <= MAX_TAPS ? up : Math.ceil(PHASES * scale);
  const cutoff = (scale * (1 + PASS)) / 2;
  const rows = new Float64Array((phases + 1) * width);
  for (let phase = 0; phase <= phases; phase++) {
    const row = rows.subarray(phase * width, (phase + 1) * width);
    for (let tap = 0; tap < width; tap++) {
      const t = tap - (width / 2 - 1) - phase / phases; // in input samples
      row[tap] = sinc(cutoff * t) * kaiser((t * scale) / HALF_WIDTH);
    }
    const sum = row.reduce((total, tap) => total + tap, 0);
    for (let tap = 0; tap < width; tap++) row[tap]! /= sum;
  }
  return { rows, phases, width };
}

/** Σ x[first + i] · rows[start + i], x being 0 outside. */
function dot(x: Float32Array, first: number, rows: Float64Array, start: number, width: number): number {
  const from = Math.max(0, -first);
  const to = Math.min(width, x.length - first);
  let sum = 0;
  for (let i = from; i < to; i++) sum += x[first + i]! * rows[start + i]!;
  return sum;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

const sinc = (t: number): number => (t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t));

const kaiser = (t: number): number =>
  Math.abs(t) >= 1 ? 0 : besselI0(BETA * Math.sqrt(1 - t * t)) / besselI0(BETA);

/** The modified Bessel function of order 0, by its series. */
function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
