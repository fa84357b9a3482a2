import wgsl from "../../shaders/embed-dx.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows } from "./check.ts";
import type { Context } from "./context.ts";

const kernel = defineKernel("embed-dx", wgsl);

/**
 * dtable[ids[t]] += dy[t]: the gradient of the table in y[t] = table[ids[t]], on top of what other uses of it gave.
 *
 * @param dy [T, C] f32
 * @param ids [T] u32, each below V
 * @param dtable [V, C] f32, added to
 * @throws GpuError when the shapes do not fit, or one is larger than a binding
 */
export function embedDx(ctx: Context, dy: Tensor, ids: Tensor, dtable: Tensor): void {
  expectRows("embed-dx", "dy", dy, dtable.width);
  expect(ids.dtype === "u32" && ids.length === dy.rows, "embed-dx", `ids u32 of ${dy.rows}`, ids);
  ctx.recorder.dispatch(kernel, {
    bind: { ids, dy, dtable },
    params: { rows: dy.rows, width: dy.width },
    grid: [Math.ceil(dy.width / 64)],
  });
}
