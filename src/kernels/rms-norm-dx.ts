import wgsl from "../../shaders/rms-norm-dx.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expectRows, expectSame, expectVector } from "./check.ts";
import type { Context } from "./context.ts";
import { bindRows, fold, rowBytes, rowThreads, windows } from "./rows.ts";

const kernel = defineKernel("rms-norm-dx", wgsl);

/**
 * The backward pass of `rmsNorm` (arXiv 1910.07467) to its input; its weight is frozen.
 * dx = s·(g − x·s²·mean(g·x)) over each row, with g = dy·weight and s = 1/√(mean(x²) + eps), computed again from x.
 *
 * @param dy [T, C] f32, the gradient of the forward's result
 * @param x [T, C] f32, what the forward was given, as are weight and eps
 * @param weight [C] f32
 * @returns dx [T, C] f32
 * @throws GpuError for shapes that do not fit
 */
export function rmsNormDx(ctx: Context, dy: Tensor, x: Tensor, weight: Tensor, eps: number): Tensor {
  const width = x.width;
  expectRows("rms-norm-dx", "x", x, width);
  expectSame("rms-norm-dx", "dy", dy, x);
  expectVector("rms-norm-dx", "weight", weight, width);
  const dx = ctx.tensor("rms-norm-dx", x.shape);
  for (const part of windows(ctx.gpu, "rms-norm-dx", x.rows, rowBytes(x))) {
    const rows = part.to - part.from;
    ctx.recorder.dispatch(kernel, {
      bind: { dy: bindRows(dy, part), x: bindRows(x, part), weight, dx: bindRows(dx, part) },
      params: { rows, width, eps },
      overrides: { WG: rowThreads(ctx.gpu, width) },
      grid: fold(rows),
    });
  }
  return dx;
}
