import wgsl from "../../shaders/layer-norm.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expectRows, expectSame, expectVector } from "./check.ts";
import type { Context } from "./context.ts";
import { bindRows, fold, rowBytes, rowThreads, windows } from "./rows.ts";

const kernel = defineKernel("layer-norm", wgsl);

/** What a post-norm layer adds to its result before the norm; DeepNorm's alpha (arXiv 2203.00555) is not 1. */
export interface Residual {
  x: Tensor; // [T, C] f32
  alpha: number;
}

/**
 * y = (u − mean) / √(var + eps) · weight + bias over each row (arXiv 1607.06450) of u = x, or x + alpha · residual; the
 * variance is the biased one.
 *
 * @param x [T, C] f32
 * @param weight [C] f32
 * @param bias [C] f32
 * @returns [T, C] f32
 */
export function layerNorm(
  ctx: Context,
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  eps: number,
  residual?: Residual,
): Tensor {
  const width = x.width;
  expectRows("layer-norm", "x", x, width);
  expectVector("layer-norm", "weight", weight, width);
  expectVector("layer-norm", "bias", bias, width);
  if (residual) expectSame("layer-norm", "residual", residual.x, x);
  const y = ctx.tensor("layer-norm", x.shape);
  for (const part of windows(ctx.gpu, "layer-norm", x.rows, rowBytes(x))) {
    const rows = part.to - part.from;
    ctx.recorder.dispatch(kernel, {
      bind: {
        x: bindRows(x, part),
        residual: bindRows(residual?.x ?? x, part),
        weight,
        bias,
        y: bindRows(y, part),
      },
      params: { rows, width, eps, alpha: residual?.alpha ?? 0 },
      overrides: { WG: rowThreads(ctx.gpu, width) },
      grid: fold(rows),
    });
  }
  return y;
}
