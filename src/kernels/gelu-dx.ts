import wgsl from "../../shaders/gelu-dx.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectSame } from "./check.ts";
import type { Context } from "./context.ts";
import { bindItems, fold, windows } from "./rows.ts";

const kernel = defineKernel("gelu-dx", wgsl);

/**
 * The backward pass of `gelu` (arXiv 1606.08415): dx = dy·(Φ(x) + x·φ(x)), φ the density of the normal distribution.
 *
 * @param dy f32 of the shape of x, the gradient of the forward's result
 * @param x f32, what the forward was given
 * @returns dx f32 of the shape of x
 * @throws GpuError for shapes that do not fit
 */
export function geluDx(ctx: Context, dy: Tensor, x: Tensor): Tensor {
  expect(x.dtype === "f32", "gelu-dx", "x f32", x);
  expectSame("gelu-dx", "dy", dy, x);
  const dx = ctx.tensor("gelu-dx", x.shape);
  for (const part of windows(ctx.gpu, "gelu-dx", x.length, 4)) {
    const count = part.to - part.from;
    ctx.recorder.dispatch(kernel, {
      bind: { dy: bindItems(dy, part), x: bindItems(x, part), dx: bindItems(dx, part) },
      params: { count },
      grid: fold(Math.ceil(count / 256)),
    });
  }
  return dx;
}
