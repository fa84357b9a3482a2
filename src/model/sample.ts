import { GenerateError } from "./errors.ts";

/**
 * Choosing the next token of a row of logits, in the order and with the results of Hugging Face transformers' logits
 * processors: repetition penalty and forbidden ids change logits; temperature, top-k and top-p shape the distribution
 * that a token is drawn from. Randomness comes from a counter, so that a draw depends on nothing but its place.
 */

/** The likeliest tokens of one row. */
export interface Candidates {
  /** Token ids. */
  readonly ids: Uint32Array;
  /** Their logits, falling; of equal logits, the smaller id first. */
  readonly scores: Float32Array;
  /** log Σ exp of the logits of the whole vocabulary, so that a candidate's log-probability is score − lse. */
  readonly lse: number;
}

export interface Sampling {
  /** Logits are divided by it; > 0. */
  readonly temperature: number;
  /** Only so many of the likeliest tokens are kept; 0 keeps all. */
  readonly topK: number;
  /** Of these, only the smallest set is kept whose probability reaches it; in (0, 1], 1 keeps all. */
  readonly topP: number;
}

/** log Σ exp of logits [V]; NaN if one is. */
export function logSumExp(logits: Float32Array): number {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!Number.isFinite(max)) return max;
  return max + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - max), 0));
}

/**
 * The `k` largest of logits [V], or all when `k` is larger. Impossible tokens (−∞, and NaN) are no candidates.
 * @param lse given when the logits were changed after their log-sum-exp was taken, as beam search needs
 */
export function topCandidates(logits: Float32Array, k: number, lse = logSumExp(logits)): Candidates {
  const best = () => found.sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, k);
  let found: number[] = [];
  let least = -Infinity; // of the k best so far
  for (let id = 0; id < logits.length; id++) {
    if (!(logits[id]! > least)) continue;
    found.push(id);
    if (found.length < 2 * k + 64) continue;
    found = best();
    least = logits[found.at(-1)!]!;
  }
  const ids = Uint32Array.from(best());
  return { ids, scores: Float32Array.from(ids, (id) => logits[id]!), lse };
}

/** Makes `ids` impossible, in place; end-of-sequence ids, say, before the fewest tokens wanted are there. */
export function forbid(logits: Float32Array, ids: Iterable<number>): void {
  for (const id of ids) logits[id] = -Infinity;
}

/**
 * Repetition penalty, in place: the logit of each id in `seen` (prompt and answer) is divided by `penalty` where positive
 * and multiplied where negative, once however often the id was seen. 1 changes nothing, more discourages.
 */
export function penalise(logits: Float32Array, seen: Iterable<number>, penalty: number): void {
  for (const id of new Set(seen)) {
    const x = logits[id]!;
    logits[id] = x < 0 ? x * penalty : x / penalty;
  }
}

/** @throws GenerateError naming the option that is out of range, before anything runs */
export function checkSampling(options: Sampling & { readonly seed?: number }): void {
  const { temperature, topK, topP, seed = 0 } = options;
  const check = (ok: boolean, expected: string, got: number, remedy: string): void => {
    if (!ok) throw new GenerateError(`generate: expected ${expected}, got ${got}; ${remedy}`);
  };
  check(
    temperature > 0 && temperature < Infinity,
    "temperature > 0",
    temperature,
    "for the likeliest token each time, leave sampling off",
  );
  check(Number.isInteger(topK) && topK >= 0, "topK of 0 or more", topK, "0 keeps every token");
  check(topP > 0 && topP <= 1, "topP above 0 and at most 1", topP, "1 keeps every token");
  check(seed === seed >>> 0, "a whole number from 0 to 4294967295 as seed", seed, "give another seed");
}

/**
 * The probabilities of the candidates that temperature, top-k and top-p leave, in the candidates' order; the result is
 * as long as there are tokens left, at least 1, and sums to 1.
 *
 * Top-k keeps exactly k tokens: of equal logits at its edge, the smaller ids (transformers keeps them all). Top-p counts
 * probability among what top-k left, so with top-k off the candidates must be the whole vocabulary, and with top-k on
 * no fewer than k.
 */
export function distribution({ scores }: Candidates, { temperature, topK, topP }: Sampling): Float64Array {
  const kept = scores.subarray(0, topK || scores.length);
  const weights = Float64Array.from(kept, (x) => Math.exp((x - kept[0]!) / temperature));
  const enough = topP * sum(weights);
  let count = 0;
  for (let mass = 0; count < weights.length && (topP === 1 || mass < enough); count++)
    mass += weights[count]!;
  const total = sum(weights.subarray(0, count));
  return weights.subarray(0, count).map((w) => w / total);
}

/**
 * Draws a token id by inverting the cumulative distribution in falling order of probability.
 * @param u uniform in [0, 1), as `uniform` gives
 */
export function sample(candidates: Candidates, options: Sampling, u: number): number {
  const p = distribution(candidates, options);
  let chosen = 0;
  for (let i = 0, cumulative = 0; i < p.length && cumulative <= u; i++) {
    if (p[i]! > 0) chosen = i; // rounding may leave the last sum just under u
    cumulative += p[i]!;
  }
  return candidates.ids[chosen]!;
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

/**
 * A number of 53 random bits in [0, 1) for step `step` of row `row` under `seed` (each 0 … 2^32 − 1): the cipher
 * Philox2x32 of 10 rounds, keyed by the seed and applied to the counter (row, step). The same place always gives the
 * same number, however rows are grouped into batches.
 * Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
export function uniform(seed: number, row: number, step: number): number {
  let [x0, x1, key] = [row >>> 0, step >>> 0, seed >>> 0];
  for (let round = 0; round < 10; round++) {
    const product = BigInt(x0) * 0xd256d193n;
    x0 = (Number(product >> 32n) ^ key ^ x1) >>> 0;
    x1 = Number(product & 0xffffffffn);
    key = (key + 0x9e3779b9) >>> 0; // the golden ratio
  }
  return ((x0 >>> 5) * 2 ** 26 + (x1 >>> 6)) / 2 ** 53;
}
