import decodeWgsl from "../../shaders/attention-decode.wgsl";
import mergeWgsl from "../../shaders/attention-merge.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { checkHeads, type Gates, gateParams, type Heads } from "./attention.ts";
import { expect } from "./check.ts";
import type { Context } from "./context.ts";

const kernel = defineKernel("attention-decode", decodeWgsl);
const mergeKernel = defineKernel("attention-merge", mergeWgsl);
const WHOLE = 256; // keys that one workgroup a head still does fastest
const MAX_SPLITS = 16;

export interface AttentionDecode extends Heads {
  table: Tensor; // [B, S] u32: the cache row of each position of a sequence
  last: Tensor; // [B] u32: the position of the query; keys 0 … last are visible
  gates?: Gates; // mask b for sequence b
}

/**
 * z = gate · softmax(q·kᵀ/√D)·v for one query a sequence, over the KV cache's rows that `table` names.
 * A head whose gate is 0 reads no keys.
 *
 * @param q [B, H·D] f32
 * @param k [R, K·D] f32
 * @param v [R, K·D] f32
 * @returns z [B, H·D] f32, each head's output before W_O
 */
export function attentionDecode(ctx: Context, q: Tensor, k: Tensor, v: Tensor, o: AttentionDecode): Tensor {
  checkHeads("attention-decode", q, k, v, o);
  const { heads, kvHeads, headDim, gates } = o;
  const batch = q.rows;
  const capacity = o.table.width;
  expect(
    o.table.rows === batch && o.last.length === batch,
    "attention-decode",
    `${batch} rows of table and last`,
    o.table,
  );
  // Few sequences leave a GPU idle unless long caches are split among workgroups.
  const splits = capacity <= WHOLE ? 1 : Math.min(MAX_SPLITS, Math.ceil(capacity / 64));
  const span = Math.ceil(capacity / splits / 64) * 64;
  const split = splits > 1;
  const z = ctx.tensor("z", q.shape);
  const parts = split ? ctx.tensor("z parts", [batch, heads, splits, headDim]) : z;
  const stats = ctx.tensor("z stats", [batch, heads, splits, 2]);
  const gate = gateParams("attention-decode", o);
  const flags = (split ? 1 : 0) + (gates ? 2 : 0);
  // Barriers are what costs on a CPU: few threads have few.
  const threads = ctx.gpu.software ? Math.max(8, 4 * Math.ceil(headDim / 16)) : 64;
  ctx.recorder.dispatch(kernel, {
    bind: { q, k, v, table: o.table, last: o.last, gates: gates?.tensor ?? q, z: parts, stats },
    params: { heads, kv_heads: kvHeads, capacity, span, flags, ...gate, scale: 1 / Math.sqrt(headDim) },
    overrides: { WG: threads, D: headDim },
    grid: [heads, batch, splits],
  });
  if (split) {
    ctx.recorder.dispatch(mergeKernel, {
      bind: { parts, stats, gates: gates?.tensor ?? q, z },
      params: { heads, splits, flags, ...gate },
      overrides: { D: headDim },
      grid: [heads, batch],
    });
  }
  return z;
}
