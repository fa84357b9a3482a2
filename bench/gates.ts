import type { Gates } from "../src/kernels/index.ts";
import type { Bench } from "./harness.ts";

/** Which heads a case has on. */
export interface Mask {
  readonly name: string;
  readonly gates: Gates | undefined;
  /** 1 or 0 for a head. */
  on(head: number): number;
  readonly share: number; // of heads that are on
}

/** No mask at all, a mask with every head on, and one with every second head off, for `batch` sequences. */
export function masks(b: Bench, batch: number): Mask[] {
  const { heads } = b.sizes;
  const gates = (on: (head: number) => number) => ({
    layer: 0,
    tensor: b.upload(
      "gates",
      [batch, 1, heads],
      Float32Array.from({ length: batch * heads }, (_, i) => on(i % heads)),
    ),
  });
  const all = () => 1;
  const half = (head: number) => head % 2;
  return [
    { name: "no mask", gates: undefined, on: all, share: 1 },
    { name: "all on", gates: gates(all), on: all, share: 1 },
    { name: "half off", gates: gates(half), on: half, share: Math.floor(heads / 2) / heads },
  ];
}

/** Element d of softmax(q·kᵀ/√D)·v for one query over keys 0 … keys − 1, on the host. */
export function attend(
  keys: number,
  headDim: number,
  q: (d: number) => number,
  k: (key: number, d: number) => number,
  v: (key: number) => number,
): number {
  let total = 0;
  let sum = 0;
  for (let key = 0; key < keys; key++) {
    let score = 0;
    for (let d = 0; d < headDim; d++) score += q(d) * k(key, d);
    const weight = Math.exp(score / Math.sqrt(headDim)); // inputs are below 1: nothing overflows
    total += weight;
    sum += weight * v(key);
  }
  return sum / total;
}

/** 2·D operations for a score, as many for its part of the sum, for every query and key that see each other. */
export const attentionFlops = (pairs: number, { sizes }: Bench, { share }: Mask): number =>
  4 * sizes.headDim * pairs * sizes.heads * share;

/** As many for five products a pair instead of two: scores again, dz·v, and one each for dq, dk and dv (arXiv 2307.08691). */
export const attentionGradientFlops = (pairs: number, b: Bench, mask: Mask): number =>
  2.5 * attentionFlops(pairs, b, mask);

/** softmax of the scores of keys 0 … keys − 1, on the host. */
export function probabilities(keys: number, score: (key: number) => number): Float64Array {
  const weights = Float64Array.from({ length: keys }, (_, key) => Math.exp(score(key)));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}
