import wgsl from "../../shaders/cross-entropy.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows, expectVector } from "./check.ts";
import type { Context } from "./context.ts";
import { matmul } from "./matmul.ts";
import { fold, rowBytes, rowThreads, slices, type Window } from "./rows.ts";

const kernel = defineKernel("cross-entropy", wgsl);
const SLICE = 16_384; // ids whose logits are there at a time: a [T, V] matrix of them is never stored

/** The losses of `crossEntropy`, and what its backward pass needs besides. */
export interface CrossEntropy {
  loss: Tensor; // [T] f32
  state: Tensor; // [T, 2] f32, {log Σ exp of the logits, the target's logit}
}

/**
 * loss = log Σ exp(x·Wᵀ) − x·W[target] for each row of x: the projection onto the vocabulary fused with the
 * cross-entropy, one slice of the vocabulary after the other.
 *
 * @param x [T, C] f32
 * @param w [V, C] f32, f16 or bf16
 * @param targets [T] u32, each below V
 * @throws GpuError when the shapes do not fit
 */
export function crossEntropy(ctx: Context, x: Tensor, w: Tensor, targets: Tensor): CrossEntropy {
  check("cross-entropy", x, w, targets);
  const loss = ctx.tensor("loss", [x.rows]);
  const state = ctx.tensor("log-sum-exp", [x.rows, 2]);
  for (const part of vocabularySlices(ctx, x, w)) {
    const logits = matmul(ctx, x, w, {}, part);
    ctx.recorder.dispatch(kernel, {
      bind: { logits, targets, state, loss },
      params: { rows: x.rows, width: logits.width, first: part.from },
      overrides: { WG: rowThreads(ctx.gpu, logits.width) },
      grid: fold(x.rows),
    });
    ctx.free(logits);
  }
  return { loss, state };
}

/** Slices of the vocabulary that a binding and SLICE hold, for W and for the logits. */
export const vocabularySlices = (ctx: Context, x: Tensor, w: Tensor): Window[] =>
  slices(ctx.gpu, "cross-entropy", w.rows, SLICE, rowBytes(w), x.rows * 4);

/** Throws unless x [T, C], w [V, C] and targets [T] go together. */
export function check(op: string, x: Tensor, w: Tensor, targets: Tensor, dloss?: Tensor): void {
  expectRows(op, `x (for w ${w})`, x, w.width);
  expect(targets.dtype === "u32" && targets.length === x.rows, op, `targets u32 of ${x.rows}`, targets);
  if (dloss) expectVector(op, "dloss", dloss, x.rows);
}
