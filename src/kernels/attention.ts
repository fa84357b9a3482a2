import wgsl from "../../shaders/attention.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows } from "./check.ts";
import type { Context } from "./context.ts";

const kernel = defineKernel("attention", wgsl);
const MAX_HEAD_DIM = 128;

/** One sequence of a packed batch: which rows of q and of k, v belong together. */
export interface Segment {
  query: number; // first row of q
  queries: number;
  key: number; // first row of k and v
  keys: number;
  first: number; // index of the first query among the keys, for the causal form
  gate: number; // which head mask of the batch applies
}

/** Head masks of a batch on the GPU, and the layer whose row applies. */
export interface Gates {
  tensor: Tensor; // [G, L, H] f32; 1 keeps a head, 0 skips it
  layer: number;
}

export interface Heads {
  heads: number; // H, query heads
  kvHeads: number; // K, divides H
  headDim: number; // D, a multiple of 4, at most 128
}

export interface Attention extends Heads {
  tiles: Tensor; // from attentionTiles
  causal: boolean;
  gates?: Gates;
  bias?: Tensor; // from relativeBias of q, its N at least every sequence's queries and keys
  lse?: Tensor; // [T, H] f32, written for the backward pass: log Σ exp of each query's scores; none where a gate is 0
}

/** Queries of a tile: few on a CPU, where barriers and workgroup memory are dear. */
export const tileQueries = (ctx: Context): number => (ctx.gpu.software ? 8 : 32);

/** Threads that share a query: on a CPU as few as can hold it, 32 elements each, since exchange between threads is dear. */
export const sharing = (ctx: Context, headDim: number): number =>
  ctx.gpu.software ? 2 ** Math.ceil(Math.log2(Math.max(1, headDim / 32))) : 4;

/** Keys of a tile: their k and v and the scores share the workgroup's memory, of which every device has 16 KiB. */
const tileKeys = (ctx: Context, queries: number, headDim: number): number =>
  16 * (2 * headDim * 4 + queries * 16) <= ctx.gpu.limits.workgroupBytes ? 16 : 8;

/** Cuts the segments of a packed batch into tiles of queries: [n, 8] u32, as attention.wgsl reads them. */
export function attentionTiles(ctx: Context, segments: readonly Segment[]): Tensor {
  const tiles: number[] = [];
  const most = tileQueries(ctx);
  for (const s of segments) {
    expect(s.keys > 0, "attention", "at least one key a sequence", s.keys);
    for (let at = 0; at < s.queries; at += most) {
      const queries = Math.min(most, s.queries - at);
      tiles.push(s.query + at, queries, s.key, s.keys, s.first + at, s.gate, s.query, s.queries);
    }
  }
  return ctx.upload("attention tiles", [tiles.length / 8, 8], new Uint32Array(tiles));
}

/**
 * z = gate · softmax(q·kᵀ/√D + bias)·v for each head and each segment of a packed batch, causal or bidirectional.
 * A head whose gate is 0 costs nothing but the zeros it writes.
 *
 * @param q [T, H·D] f32
 * @param k [R, K·D] f32
 * @param v [R, K·D] f32
 * @returns z [T, H·D] f32, each head's output before W_O
 */
export function attention(ctx: Context, q: Tensor, k: Tensor, v: Tensor, o: Attention): Tensor {
  checkHeads("attention", q, k, v, o);
  if (o.lse) {
    expectRows("attention", "lse", o.lse, o.heads);
    expect(o.lse.rows === q.rows, "attention", `lse of ${q.rows} rows`, o.lse);
  }
  const distances = o.bias ? o.bias.length / o.heads - q.rows : 1; // 2N − 1
  if (o.bias) expect(distances > 0 && distances % 2 === 1, "attention", `bias of ${q.rows} queries`, o.bias);
  const z = ctx.tensor("z", q.shape);
  // What a kernel may write must be no other binding's buffer, even where it writes nothing.
  const lse = o.lse ?? ctx.tensor("no lse", [1]);
  const queries = tileQueries(ctx);
  ctx.recorder.dispatch(kernel, {
    bind: { q, k, v, tiles: o.tiles, gates: o.gates?.tensor ?? q, bias: o.bias ?? q, z, lse },
    params: {
      heads: o.heads,
      kv_heads: o.kvHeads,
      flags: (o.causal ? 1 : 0) + (o.gates ? 2 : 0) + (o.lse ? 4 : 0),
      ...gateParams("attention", o),
      scale: 1 / Math.sqrt(o.headDim),
      reach: (distances + 1) / 2,
    },
    overrides: {
      BQ: queries,
      BK: tileKeys(ctx, queries, o.headDim),
      S: sharing(ctx, o.headDim),
      D: o.headDim,
      BIAS: o.bias !== undefined,
    },
    scalar: ctx.scalar,
    grid: [o.tiles.rows, o.heads],
  });
  return z;
}

/** Throws unless q, k, v are [·, H·D], [·, K·D], [·, K·D] and the heads are of a width the kernels hold. */
export function checkHeads(
  op: string,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { heads, kvHeads, headDim }: Heads,
): void {
  expect(
    headDim % 4 === 0 && headDim <= MAX_HEAD_DIM,
    op,
    `headDim a multiple of 4, at most ${MAX_HEAD_DIM}`,
    headDim,
  );
  expect(heads % kvHeads === 0, op, "heads divisible by kvHeads", `${heads} and ${kvHeads}`);
  expectRows(op, "q", q, heads * headDim);
  expectRows(op, "k", k, kvHeads * headDim);
  expectRows(op, "v", v, kvHeads * headDim);
}

/** Where a layer's gates begin in each mask, and how far the masks are apart. */
export function gateParams(op: string, { gates, heads }: { gates?: Gates; heads: number }) {
  if (!gates) return { gate_at: 0, gate_stride: 0 };
  const [, layers = 0, width = 0] = gates.tensor.shape;
  expect(width === heads && gates.layer < layers, op, `gates [G, > ${gates.layer}, ${heads}]`, gates.tensor);
  return { gate_at: gates.layer * heads, gate_stride: layers * heads };
}
