import wgsl from "../../shaders/swiglu.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect } from "./check.ts";
import type { Context } from "./context.ts";
import { bindRows, fold, rowBytes, windows } from "./rows.ts";

const kernel = defineKernel("swiglu", wgsl);

/**
 * y = silu(gate) · up (arXiv 2002.05202), with silu(v) = v / (1 + e^−v).
 *
 * @param x [T, 2·F] f32, a row holds F gates, then F ups
 * @returns [T, F] f32
 */
export function swiglu(ctx: Context, x: Tensor): Tensor {
  expect(x.dtype === "f32" && x.width % 2 === 0, "swiglu", "x f32 with rows of even width", x);
  const width = x.width / 2;
  const y = ctx.tensor("swiglu", [x.rows, width]);
  for (const part of windows(ctx.gpu, "swiglu", x.rows, rowBytes(x), rowBytes(y))) {
    const rows = part.to - part.from;
    ctx.recorder.dispatch(kernel, {
      bind: { x: bindRows(x, part), y: bindRows(y, part) },
      params: { rows, width },
      grid: fold(Math.ceil((rows * width) / 256)),
    });
  }
  return y;
}
