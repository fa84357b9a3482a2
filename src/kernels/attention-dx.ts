import deltaWgsl from "../../shaders/attention-delta.wgsl";
import dgateWgsl from "../../shaders/attention-dgate.wgsl";
import dkvWgsl from "../../shaders/attention-dkv.wgsl";
import dqWgsl from "../../shaders/attention-dq.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { type Attention, checkHeads, gateParams, sharing, tileQueries } from "./attention.ts";
import { expect, expectRows } from "./check.ts";
import type { Context } from "./context.ts";

const deltaKernel = defineKernel("attention-delta", deltaWgsl);
const dqKernel = defineKernel("attention-dq", dqWgsl);
const dkvKernel = defineKernel("attention-dkv", dkvWgsl);
const dgateKernel = defineKernel("attention-dgate", dgateWgsl);

/** What `attention` was given and made: its backward pass needs no more. */
export interface AttentionSaved {
  q: Tensor; // [T, H·D] f32
  k: Tensor; // [R, K·D] f32
  v: Tensor; // [R, K·D] f32
  z: Tensor; // [T, H·D] f32, gated
  lse: Tensor; // [T, H] f32
}

/** Which gradients are wanted: those that are not cost nothing. */
export interface AttentionWant {
  qkv: boolean;
  gates?: Tensor; // [G, L, H] f32, of the gates' shape and with values: this layer's gradients are added to them
}

/**
 * The backward pass of `attention` (FlashAttention-2, arXiv 2307.08691): from the gradient of z those of q, k, v and of
 * the gates. Scores are computed again, in f32, and never stored as a matrix; sums run in a fixed order, so the same
 * inputs give the same bits.
 *
 * With o a head's output before its gate: dgate = Σ dz·o over all queries of the segments that the gate's mask applies
 * to, also where the gate is 0. Beyond that a head whose gate is 0 costs the zeros of its dq.
 *
 * The tiles of queries are those of the forward; they double as tiles of keys, for which each names its whole segment:
 * the t-th of a segment's n tiles takes keys t·w … t·w + w − 1 (w a tile's most queries) and then those n·w further on,
 * until the segment's keys are done, be they fewer or more than its queries.
 *
 * @param dz [T, H·D] f32
 * @param o as in the forward; no two segments may share rows of k and v
 * @returns dq [T, H·D], dk and dv [R, K·D] f32, undefined in rows that belong to no segment; nothing unless want.qkv
 * @throws GpuError for shapes that do not fit
 */
export function attentionDx(
  ctx: Context,
  dz: Tensor,
  saved: AttentionSaved,
  o: Attention,
  want: AttentionWant,
): { dq: Tensor; dk: Tensor; dv: Tensor } | undefined {
  const { q, k, v } = saved;
  check(dz, saved, o, want);
  if (!want.qkv && !want.gates) return undefined;
  const stats = rowStats(ctx, dz, saved, o);
  // What a kernel may write must be no other binding's buffer, even where it writes nothing.
  const dq = ctx.tensor("dq", want.qkv ? q.shape : [1]);
  const r = ctx.tensor("r", want.gates ? [q.rows, o.heads] : [1]);
  const queries = tileQueries(ctx);
  const S = sharing(ctx, o.headDim);
  const staged = stagedRows(ctx, queries, o.headDim, S);
  const params = { heads: o.heads, kv_heads: o.kvHeads, scale: 1 / Math.sqrt(o.headDim) };
  ctx.recorder.dispatch(dqKernel, {
    bind: { q, k, v, dz, stats, tiles: o.tiles, dq, r },
    params: { ...params, flags: (o.causal ? 1 : 0) + (want.qkv ? 2 : 0) + (want.gates ? 4 : 0) },
    overrides: { BQ: queries, BK: staged, S, D: o.headDim },
    grid: [o.tiles.rows, o.heads],
  });
  if (want.gates) addGates(ctx, r, o, want.gates);
  if (!want.qkv) return undefined;
  const dk = ctx.tensor("dk", k.shape);
  const dv = ctx.tensor("dv", v.shape);
  ctx.recorder.dispatch(dkvKernel, {
    bind: { q, k, v, dz, stats, tiles: o.tiles, dk, dv },
    params: { ...params, flags: o.causal ? 1 : 0 },
    overrides: { BK: queries, BQ: staged, S, D: o.headDim },
    grid: [o.tiles.rows, o.kvHeads],
  });
  return { dq, dk, dv };
}

/** {lse, gate, Σ dz·z, 0} of each query and head: [T, H, 4] f32. */
function rowStats(ctx: Context, dz: Tensor, { z, lse }: AttentionSaved, o: Attention): Tensor {
  const stats = ctx.tensor("attention stats", [dz.rows, o.heads, 4]);
  ctx.recorder.dispatch(deltaKernel, {
    bind: { dz, z, lse, tiles: o.tiles, gates: o.gates?.tensor ?? lse, stats },
    params: { heads: o.heads, flags: o.gates ? 2 : 0, ...gateParams("attention-dx", o) },
    overrides: { WG: ctx.gpu.software ? 8 : 64, D: o.headDim },
    grid: [o.tiles.rows],
  });
  return stats;
}

/** Adds the queries' shares of the gates' gradients, r [T, H], to this layer's of dgates [G, L, H]. */
function addGates(ctx: Context, r: Tensor, o: Attention, dgates: Tensor): void {
  ctx.recorder.dispatch(dgateKernel, {
    bind: { r, tiles: o.tiles, dgates },
    params: { heads: o.heads, tiles: o.tiles.rows, ...gateParams("attention-dx", o) },
    overrides: { WG: ctx.gpu.software ? 8 : 32 },
    grid: [o.heads, dgates.shape[0] ?? 0],
  });
}

/** How many rows a workgroup holds of what it sums over, `rows` being what it sums for and S what shares one of them. */
function stagedRows(ctx: Context, rows: number, headDim: number, S: number): number {
  const bytes = (staged: number) => staged * (2 * headDim * 4 + rows * S * 8);
  return bytes(16) <= ctx.gpu.limits.workgroupBytes ? 16 : 8;
}

function check(dz: Tensor, { q, k, v, z, lse }: AttentionSaved, o: Attention, want: AttentionWant): void {
  const op = "attention-dx";
  checkHeads(op, q, k, v, o);
  expectRows(op, "dz", dz, o.heads * o.headDim);
  expectRows(op, "z", z, o.heads * o.headDim);
  expectRows(op, "lse", lse, o.heads);
  for (const t of [dz, z, lse]) expect(t.rows === q.rows, op, `${t.label} of ${q.rows} rows`, t);
  if (!want.gates) return;
  expect(o.gates !== undefined, op, "gates where their gradients are wanted", "none");
  expect(
    want.gates.dtype === "f32" && `${want.gates.shape}` === `${o.gates.tensor.shape}`,
    op,
    `want.gates f32 [${o.gates.tensor.shape.join(", ")}]`,
    want.gates,
  );
}
