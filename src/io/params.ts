/**
 * What a model family declares of its weights: a tree of `Param` leaves in plain objects and arrays. `loadWeights`
 * gives the same tree with tensors for leaves. A Param that stands in the tree twice (tied embeddings) is loaded once.
 */
import type { Tensor } from "../gpu/tensor.ts";

/** One stored tensor that goes into a parameter; `name: null` stands for zeros. */
export interface Part {
  readonly name: string | null;
  /** As stored; `null` for a row count that the checkpoint tells. */
  readonly shape: readonly (number | null)[];
}

export interface Param {
  readonly kind: "matrix" | "vector" | "conv";
  /** Concatenated along the first dimension. */
  readonly parts: readonly Part[];
  /** On the GPU. */
  readonly shape: readonly number[];
}

export type Tree = readonly (Param | Tree)[] | { readonly [key: string]: Param | Tree };

/** The tree with each Param replaced by what was loaded for it. */
export type Loaded<P, T = Tensor> = { readonly [K in keyof P]: P[K] extends Param ? T : Loaded<P[K], T> };

/**
 * A [rows, cols] matrix in its stored type: F32 → f32, F16 → f16, BF16 → bf16; anything else, and parts of different
 * types, → f32. Several names are concatenated by rows (q, k and v fused into one product); `rows` is their sum.
 */
export function matrix(
  name: string | readonly (string | null)[],
  shape: readonly [rows: number, cols: number],
): Param {
  if (typeof name === "string") return { kind: "matrix", parts: [{ name, shape }], shape };
  return { kind: "matrix", parts: name.map((part) => ({ name: part, shape: [null, shape[1]] })), shape };
}

/** A vector, always f32. Several names are concatenated, each of its own length; `null` gives zeros (an absent bias). */
export function vector(name: string, length: number): Param;
export function vector(names: readonly (string | null)[], lengths: readonly number[]): Param;
export function vector(name: string | readonly (string | null)[], length: number | readonly number[]): Param {
  const names = typeof name === "string" ? [name] : name;
  const lengths = typeof length === "number" ? [length] : length;
  if (names.length !== lengths.length)
    throw new Error(
      `internal: vector: expected a length for each of ${names.length} names, got ${lengths.length}`,
    );
  const parts = names.map((part, i) => ({ name: part, shape: [lengths[i]!] }));
  return { kind: "vector", parts, shape: [lengths.reduce((a, b) => a + b, 0)] };
}

/** A 1-D convolution's weights, stored [O, C, W] (W taps), on the GPU [O, W·C] with each tap's C weights together. */
export function conv(name: string, shape: readonly [outputs: number, channels: number, taps: number]): Param {
  const [outputs, channels, taps] = shape;
  return { kind: "conv", parts: [{ name, shape }], shape: [outputs, taps * channels] };
}

/** The same parameter, which the checkpoint keeps under this shape of as many elements in the same order. */
export const storedAs = (param: Param, shape: readonly number[]): Param => ({
  ...param,
  parts: param.parts.map(({ name }) => ({ name, shape })),
});

const isParam = (node: Param | Tree): node is Param => "kind" in node && typeof node.kind === "string";

/** The leaves with their paths ("layers.0.q"), each Param once. */
export function leaves(tree: Tree): Map<Param, string> {
  const found = new Map<Param, string>();
  const walk = (node: Param | Tree, path: string) => {
    if (isParam(node)) {
      if (!found.has(node)) found.set(node, path);
    } else for (const [key, child] of Object.entries(node)) walk(child, path ? `${path}.${key}` : key);
  };
  walk(tree, "");
  return found;
}

export function mapTree<P extends Tree, T>(tree: P, leaf: (param: Param) => T): Loaded<P, T> {
  const walk = (node: Param | Tree): unknown => {
    if (isParam(node)) return leaf(node);
    if (Array.isArray(node)) return node.map(walk);
    return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, walk(child)]));
  };
  return walk(tree) as Loaded<P, T>;
}
