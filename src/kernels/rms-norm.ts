import wgsl from "../../shaders/rms-norm.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expectRows, expectVector } from "./check.ts";
import type { Context } from "./context.ts";
import { bindRows, fold, rowBytes, rowThreads, windows } from "./rows.ts";

const kernel = defineKernel("rms-norm", wgsl);

/**
 * y = x / √(mean(x²) + eps) · weight over each row (arXiv 1910.07467).
 *
 * @param x [T, C] f32
 * @param weight [C] f32
 * @returns [T, C] f32
 */
export function rmsNorm(ctx: Context, x: Tensor, weight: Tensor, eps: number): Tensor {
  const width = x.width;
  expectRows("rms-norm", "x", x, width);
  expectVector("rms-norm", "weight", weight, width);
  const y = ctx.tensor("rms-norm", x.shape);
  for (const part of windows(ctx.gpu, "rms-norm", x.rows, rowBytes(x))) {
    const rows = part.to - part.from;
    ctx.recorder.dispatch(kernel, {
      bind: { x: bindRows(x, part), weight, y: bindRows(y, part) },
      params: { rows, width, eps },
      overrides: { WG: rowThreads(ctx.gpu, width) },
      grid: fold(rows),
    });
  }
  return y;
}
