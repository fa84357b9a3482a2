import wgsl from "../../shaders/gelu.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect } from "./check.ts";
import type { Context } from "./context.ts";
import { bindItems, fold, windows } from "./rows.ts";

const kernel = defineKernel("gelu", wgsl);

/**
 * y = x·Φ(x), Φ the normal distribution function (arXiv 1606.08415, the exact form). Inference has it fused into
 * `matmul`; learning keeps what it was given, so it runs on its own.
 *
 * @param x f32 of any shape
 * @returns f32 of that shape
 */
export function gelu(ctx: Context, x: Tensor): Tensor {
  expect(x.dtype === "f32", "gelu", "x f32", x);
  const y = ctx.tensor("gelu", x.shape);
  for (const part of windows(ctx.gpu, "gelu", x.length, 4)) {
    const count = part.to - part.from;
    ctx.recorder.dispatch(kernel, {
      bind: { x: bindItems(x, part), y: bindItems(y, part) },
      params: { count },
      grid: fold(Math.ceil(count / 256)),
    });
  }
  return y;
}
