import wgsl from "../../shaders/add.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectSame } from "./check.ts";
import type { Context } from "./context.ts";
import { bindItems, fold, windows } from "./rows.ts";

const kernel = defineKernel("add", wgsl);

/**
 * y = a + b: where two gradients of the same tensor meet.
 *
 * @param a f32 of any shape
 * @param b f32 of that shape
 * @returns f32 of that shape
 * @throws GpuError for shapes that do not fit
 */
export function add(ctx: Context, a: Tensor, b: Tensor): Tensor {
  expect(a.dtype === "f32", "add", "a f32", a);
  expectSame("add", "b", b, a);
  const y = ctx.tensor("add", a.shape);
  for (const part of windows(ctx.gpu, "add", a.length, 4)) {
    const count = part.to - part.from;
    ctx.recorder.dispatch(kernel, {
      bind: { a: bindItems(a, part), b: bindItems(b, part), y: bindItems(y, part) },
      params: { count },
      grid: fold(Math.ceil(count / 256)),
    });
  }
  return y;
}
