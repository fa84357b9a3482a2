import wgsl from "../../shaders/top-k.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect } from "./check.ts";
import type { Context } from "./context.ts";

const kernel = defineKernel("top-k", wgsl);
const CHUNK = 4096; // columns of a workgroup in the first round

export interface TopK {
  values: Tensor; // [rows, k] f32, falling
  ids: Tensor; // [rows, k] u32; equal values in rising order; 0xffffffff beyond the row's width, 0xfffffffe for NaN
  lse: Tensor; // [rows] f32: log Σ exp of the row
}

/**
 * The k largest values of each row with their columns, and the row's log-sum-exp.
 *
 * @param x [rows, V] f32; a row that holds NaN gives the id 0xfffffffe first
 */
export function topK(ctx: Context, x: Tensor, k: number): TopK {
  expect(k >= 1 && Number.isInteger(k), "top-k", "k of at least 1", k);
  const [rows, width] = [x.rows, x.width];
  const chunks = Math.ceil(width / CHUNK);
  const first = round(ctx, x, undefined, { rows, width, chunks, k });
  if (chunks === 1) return first;
  return round(ctx, first.values, first, { rows, width: chunks * k, chunks: 1, k });
}

/**
 * The column of each row's largest value, the smaller column of two equal ones.
 *
 * @param x [rows, V] f32; a row that holds NaN gives the id 0xfffffffe first
 * @returns [rows] u32
 */
export function argmax(ctx: Context, x: Tensor): Tensor {
  return topK(ctx, x, 1).ids;
}

interface Round {
  rows: number;
  width: number;
  chunks: number;
  k: number;
}

function round(ctx: Context, x: Tensor, winners: TopK | undefined, { rows, width, chunks, k }: Round): TopK {
  const values = ctx.tensor("top-k values", [rows, chunks * k]);
  const ids = ctx.tensor("top-k ids", [rows, chunks * k], "u32");
  const lse = ctx.tensor("log-sum-exp", [rows, chunks]);
  ctx.recorder.dispatch(kernel, {
    bind: { x, ids: winners?.ids ?? x, sums: winners?.lse ?? x, values, found: ids, lse },
    params: {
      width,
      chunk: Math.ceil(width / chunks),
      k,
      parts: winners?.lse.width ?? 0,
      first: winners ? 0 : 1,
    },
    overrides: { WG: ctx.gpu.software ? 16 : 256 },
    grid: [chunks, rows],
  });
  return { values, ids, lse };
}
