import wgsl from "../../shaders/cross-entropy-dx.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import type { Context } from "./context.ts";
import { check, vocabularySlices } from "./cross-entropy.ts";
import { matmul } from "./matmul.ts";
import { matmulDx } from "./matmul-dx.ts";
import { fold } from "./rows.ts";

const kernel = defineKernel("cross-entropy-dx", wgsl);

/**
 * The gradient of x in Σ dloss · crossEntropy(x, w, targets): dx = dloss · (softmax(x·Wᵀ) − onehot(target)) · W, the
 * logits computed again slice by slice.
 *
 * @param dloss [T] f32
 * @param x [T, C] f32
 * @param w [V, C] f32, f16 or bf16
 * @param targets [T] u32
 * @param state [T, 2] f32, of the forward
 * @returns [T, C] f32
 */
export function crossEntropyDx(
  ctx: Context,
  dloss: Tensor,
  x: Tensor,
  w: Tensor,
  targets: Tensor,
  state: Tensor,
): Tensor {
  check("cross-entropy-dx", x, w, targets, dloss);
  let dx: Tensor | undefined;
  for (const part of vocabularySlices(ctx, x, w)) {
    const logits = matmul(ctx, x, w, {}, part);
    ctx.recorder.dispatch(kernel, {
      bind: { logits, targets, state, dloss },
      params: { rows: x.rows, width: logits.width, first: part.from },
      grid: fold(Math.ceil(logits.length / 256)),
    });
    const sum = matmulDx(ctx, logits, w, dx, part);
    ctx.free(logits);
    if (dx) ctx.free(dx);
    dx = sum;
  }
  return dx!;
}
