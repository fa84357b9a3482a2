/**
 * All that is random in learning and in statistics, from a counter: a number depends on nothing but its seed and its place, so that runs
 * can be repeated, resumed at any step, and regrouped into other batches.
 */

/** What the numbers are for: each purpose has counters of its own. */
const STREAM = { gate: 0, logits: 1, order: 2, resample: 3 };

/** ln(Exp(1)) = ln(−ln u) for each of `count` heads of one sample of one step: a left-tailed Gumbel variable. */
export function gateNoise(seed: number, step: number, sample: number, count: number): Float32Array {
  return Float32Array.from(uniforms(seed, [sample, step, STREAM.gate], count), (u) => Math.log(-Math.log(u)));
}

/** `count` normal numbers (Box and Muller's cosine). */
export function initialLogits(seed: number, count: number, mean: number, std: number): Float32Array {
  const u = uniforms(seed, [0, 0, STREAM.logits], 2 * count);
  return Float32Array.from(
    { length: count },
    (_, i) => mean + std * Math.sqrt(-2 * Math.log(u[2 * i]!)) * Math.cos(2 * Math.PI * u[2 * i + 1]!),
  );
}

/** 0 … count − 1 in the order in which epoch `epoch` goes through them (Fisher and Yates). */
export function shuffled(seed: number, epoch: number, count: number): Uint32Array {
  const u = uniforms(seed, [0, epoch, STREAM.order], count);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(u[i]! * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** `count` of the numbers 0 … count − 1, drawn with replacement: the `draw`-th drawing. */
export const resampled = (seed: number, draw: number, count: number): number[] =>
  Array.from(uniforms(seed, [0, draw, STREAM.resample], count), (u) => Math.floor(u * count));

/** `count` numbers in (0, 1), of 32 bits each, four of them for each value of the counter's first word. */
function uniforms(seed: number, place: readonly [number, number, number], count: number): Float64Array {
  const all = new Float64Array(Math.ceil(count / 4) * 4);
  for (let block = 0; 4 * block < count; block++)
    all.set(
      philox([block, ...place], seed).map((word) => (word + 0.5) / 2 ** 32),
      4 * block,
    );
  return all.subarray(0, count);
}

type Words = [number, number, number, number];

/** Philox4x32 of 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), key (seed, 0). */
export function philox(counter: Words, seed: number): Words {
  let [a, b, c, d] = counter;
  let [k0, k1] = [seed >>> 0, 0];
  for (let round = 0; round < 10; round++) {
    const [x, y] = [a, c];
    a = (high(0xcd9e8d57, y) ^ b ^ k0) >>> 0;
    b = Math.imul(0xcd9e8d57, y) >>> 0;
    c = (high(0xd2511f53, x) ^ d ^ k1) >>> 0;
    d = Math.imul(0xd2511f53, x) >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0; // the golden ratio
    k1 = (k1 + 0xbb67ae85) >>> 0; // √3 − 1
  }
  return [a, b, c, d];
}

/** The upper 32 bits of the product of two 32-bit numbers. */
function high(a: number, b: number): number {
  const [ah, al, bh, bl] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const low = ah * bl + ((al * bl) >>> 16); // below 2^32, as is `mid`
  const mid = al * bh + (low & 0xffff);
  return ah * bh + (low >>> 16) + (mid >>> 16);
}
