import wgsl from "../../shaders/layer-norm.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expectRows, expectVector } from "./check.ts";
import type { Context } from "./context.ts";
import { bindRows, fold, rowBytes, rowThreads, windows } from "./rows.ts";

const kernel = defineKernel("layer-norm", wgsl);

/**
 * y = (x − mean) / √(var + eps) · weight + bias over each row (arXiv 1607.06450); the variance is the biased one.
 *
 * @param x [T, C] f32
 * @param weight [C] f32
 * @param bias [C] f32
 * @returns [T, C] f32
 */
export function layerNorm(ctx: Context, x: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  const width = x.width;
  expectRows("layer-norm", "x", x, width);
  expectVector("layer-norm", "weight", weight, width);
  expectVector("layer-norm", "bias", bias, width);
  const y = ctx.tensor("layer-norm", x.shape);
  for (const part of windows(ctx.gpu, "layer-norm", x.rows, rowBytes(x))) {
    const rows = part.to - part.from;
    ctx.recorder.dispatch(kernel, {
      bind: { x: bindRows(x, part), weight, bias, y: bindRows(y, part) },
      params: { rows, width, eps },
      overrides: { WG: rowThreads(ctx.gpu, width) },
      grid: fold(rows),
    });
  }
  return y;
}
