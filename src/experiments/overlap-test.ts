import type { HeadMask } from "../mask/head-mask.ts";

/** How likely masks of as many heads overlap at least this much by chance. */
export interface OverlapTest {
  /** One mask's heads permuted over the whole map. */
  readonly anywhere: number;
  /** Permuted within each layer: the layers' densities are kept, so what is left is which heads of a layer are on. */
  readonly withinLayers: number;
}

/**
 * The permutation test of two masks' overlap, exact: over all permutations of a map of n heads, the heads that masks of a
 * and b heads share are hypergeometric (Fisher's exact test, one-sided); within layers they are a sum of such.
 */
export function overlapTest(a: HeadMask, b: HeadMask): OverlapTest {
  const [x, y] = [layerCounts(a), layerCounts(b)];
  const shared = sharedByLayer(a, b);
  const total = sum(shared);
  const byLayer = x.map((on, layer) => hypergeometric(a.heads, on, y[layer]!));
  return {
    anywhere: tail(hypergeometric(a.layers * a.heads, a.count, b.count), total),
    withinLayers: tail(byLayer.reduce(convolve, [1]), total),
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const tail = (probabilities: readonly number[], from: number) => Math.min(1, sum(probabilities.slice(from)));

const layerCounts = (mask: HeadMask) => countByLayer(mask, (layer, head) => mask.isOn(layer, head));
const sharedByLayer = (a: HeadMask, b: HeadMask) =>
  countByLayer(a, (layer, head) => a.isOn(layer, head) && b.isOn(layer, head));

const countByLayer = ({ layers, heads }: HeadMask, isCounted: (layer: number, head: number) => boolean) =>
  Array.from({ length: layers }, (_, layer) =>
    sum(Array.from({ length: heads }, (_, head) => Number(isCounted(layer, head)))),
  );

/** P(k shared) for k = 0 … min(a, b), when a and b of n heads are on: C(a, k)·C(n − a, b − k) / C(n, b). */
export function hypergeometric(n: number, a: number, b: number): number[] {
  const logs = logFactorials(n);
  const choose = (m: number, k: number) =>
    k < 0 || k > m ? Number.NEGATIVE_INFINITY : logs[m]! - logs[k]! - logs[m - k]!;
  return Array.from({ length: Math.min(a, b) + 1 }, (_, k) =>
    Math.exp(choose(a, k) + choose(n - a, b - k) - choose(n, b)),
  );
}

/** ln(m!) for m = 0 … n. */
function logFactorials(n: number): Float64Array {
  const logs = new Float64Array(n + 1);
  for (let m = 2; m <= n; m++) logs[m] = logs[m - 1]! + Math.log(m);
  return logs;
}

/** The distribution of the sum of two independent counts. */
function convolve(p: readonly number[], q: readonly number[]): number[] {
  const out = new Array<number>(p.length + q.length - 1).fill(0);
  for (const [i, u] of p.entries()) for (const [j, v] of q.entries()) out[i + j]! += u * v;
  return out;
}
