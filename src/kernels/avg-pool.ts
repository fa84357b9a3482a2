import wgsl from "../../shaders/avg-pool.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows } from "./check.ts";
import type { Context } from "./context.ts";
import { bindItems, bindRows, rowBytes, rowGroups } from "./rows.ts";

const kernel = defineKernel("avg-pool", wgsl);

/**
 * y[t] = (x[first[t]] + x[first[t] + 1]) / 2: average pooling by 2 over a packed batch, where `first` holds each
 * output's first input row, so that no pair crosses from one clip into the next.
 *
 * @param x [rows, C] f32
 * @param first [T] u32, each below rows − 1
 * @returns [T, C] f32
 */
export function avgPool(ctx: Context, x: Tensor, first: Tensor): Tensor {
  expect(first.dtype === "u32", "avg-pool", "first of u32", first);
  expectRows("avg-pool", "x", x, x.width);
  const y = ctx.tensor("avg-pool", [first.length, x.width]);
  for (const part of rowGroups(ctx.gpu, "avg-pool", y.rows, 4, rowBytes(y))) {
    ctx.recorder.dispatch(kernel, {
      bind: { x, rows: bindItems(first, part), y: bindRows(y, part) },
      params: { width: x.width },
      grid: [Math.ceil(x.width / 64), part.to - part.from],
    });
  }
  return y;
}
