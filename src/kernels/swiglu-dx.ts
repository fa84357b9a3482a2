import wgsl from "../../shaders/swiglu-dx.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows } from "./check.ts";
import type { Context } from "./context.ts";
import { bindRows, fold, rowBytes, windows } from "./rows.ts";

const kernel = defineKernel("swiglu-dx", wgsl);

/**
 * The backward pass of `swiglu` (arXiv 2002.05202): dgate = dy·up·s·(1 + gate·(1 − s)) and dup = dy·gate·s, with
 * s = 1/(1 + e^−gate).
 *
 * @param dy [T, F] f32, the gradient of the forward's result
 * @param x [T, 2·F] f32, what the forward was given: a row holds F gates, then F ups
 * @returns dx [T, 2·F] f32, in the order of x
 * @throws GpuError for shapes that do not fit
 */
export function swigluDx(ctx: Context, dy: Tensor, x: Tensor): Tensor {
  expect(x.dtype === "f32" && x.width % 2 === 0, "swiglu-dx", "x f32 with rows of even width", x);
  const width = x.width / 2;
  expectRows("swiglu-dx", "dy", dy, width);
  expect(dy.rows === x.rows, "swiglu-dx", `dy of ${x.rows} rows`, dy);
  const dx = ctx.tensor("swiglu-dx", x.shape);
  for (const part of windows(ctx.gpu, "swiglu-dx", x.rows, rowBytes(x), rowBytes(dy))) {
    const rows = part.to - part.from;
    ctx.recorder.dispatch(kernel, {
      bind: { dy: bindRows(dy, part), x: bindRows(x, part), dx: bindRows(dx, part) },
      params: { rows, width },
      grid: fold(Math.ceil((rows * width) / 256)),
    });
  }
  return dx;
}
