import { HeadMask, MaskError } from "./head-mask.ts";

/** How two masks agree; heads are counted, ratios lie in 0 … 1 but for phi in −1 … 1. */
export interface Agreement {
  /** Heads on in both, in a alone, in b alone, in neither. */
  readonly both: number;
  readonly onlyA: number;
  readonly onlyB: number;
  readonly neither: number;
  /** Heads that are on in both or off in both, among all. */
  readonly agree: number;
  /** |a ∩ b| / |a ∪ b|; 1 where both are empty. */
  readonly jaccard: number;
  /** What masks as dense as these but independent come to: pq / (p + q − pq); 1 where both are empty. */
  readonly expectedJaccard: number;
  /** Pearson's correlation of the two (phi, Matthews): 0 is chance; 0 too where a mask has all heads on or all off. */
  readonly phi: number;
}

/** Compares the heads of two masks [L, H]. @throws MaskError unless they are of one size */
export function compareMasks(a: HeadMask, b: HeadMask): Agreement {
  checkSizes([a, b]);
  const [x, y] = [a.gates(), b.gates()];
  const heads = x.length;
  const both = x.reduce((sum, gate, i) => sum + gate * y[i]!, 0);
  const [onlyA, onlyB] = [a.count - both, b.count - both];
  const neither = heads - both - onlyA - onlyB;
  const [p, q] = [a.count / heads, b.count / heads];
  const spread = Math.sqrt(a.count * b.count * (heads - a.count) * (heads - b.count));
  return {
    both,
    onlyA,
    onlyB,
    neither,
    agree: (both + neither) / heads,
    jaccard: ratio(both, both + onlyA + onlyB, 1),
    expectedJaccard: ratio(p * q, p + q - p * q, 1),
    phi: ratio(both * neither - onlyA * onlyB, spread, 0),
  };
}

const ratio = (a: number, b: number, ofNothing: number) => (b === 0 ? ofNothing : a / b);

const COMBINATIONS = {
  /** On in all. */
  and: (on: number, masks: number) => on === masks,
  /** On in any. */
  or: (on: number) => on > 0,
  /** On in an odd number of them: of two, where they differ. */
  xor: (on: number) => on % 2 === 1,
  /** On in more than half. */
  majority: (on: number, masks: number) => 2 * on > masks,
} as const;

export type Combination = keyof typeof COMBINATIONS;

/**
 * One mask out of several, head by head: `and` on in all, `or` in any, `xor` in an odd number, `majority` in more than
 * half of them (a tie is off). It has no logits, and of the metadata the fingerprint if they all have it.
 * @throws MaskError for no masks, and unless they are of one size and model
 */
export function combineMasks(combination: Combination, masks: readonly HeadMask[]): HeadMask {
  const { layers, heads } = checkSizes(masks);
  const fingerprints = new Set(masks.map(({ metadata }) => metadata.fingerprint));
  const known = [...fingerprints].filter((fingerprint) => fingerprint !== undefined);
  if (known.length > 1)
    throw new MaskError(`mask: expected masks of one model, got those of ${known.join(" and ")}`);
  const gates = masks.map((mask) => mask.gates());
  const on = Array.from(gates[0]!, (_, i) => gates.reduce((sum, gate) => sum + gate[i]!, 0));
  const chosen = on.flatMap((count, i): [number, number][] =>
    COMBINATIONS[combination](count, masks.length) ? [[Math.floor(i / heads), i % heads]] : [],
  );
  const combined = HeadMask.fromHeads(layers, heads, chosen);
  const [fingerprint] = fingerprints;
  return fingerprints.size === 1 && fingerprint !== undefined
    ? combined.withMetadata({ fingerprint })
    : combined;
}

/** Heads on in each layer [L]. */
export function headsPerLayer(mask: HeadMask): number[] {
  const gates = mask.gates();
  return Array.from({ length: mask.layers }, (_, l) =>
    gates.subarray(l * mask.heads, (l + 1) * mask.heads).reduce((sum, gate) => sum + gate, 0),
  );
}

function checkSizes([first, ...others]: readonly HeadMask[]): HeadMask {
  if (!first) throw new MaskError("mask: expected 1 or more masks, got none");
  for (const { layers, heads } of others)
    if (layers !== first.layers || heads !== first.heads)
      throw new MaskError(
        `mask: expected masks of one size, got ${first.layers} × ${first.heads} and ${layers} × ${heads}; ` +
          "they were made for different models",
      );
  return first;
}
