import wgsl from "../../shaders/embed.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, weightType } from "./check.ts";
import type { Context } from "./context.ts";
import { bindItems, bindRows, rowBytes, rowGroups, windows } from "./rows.ts";

const kernel = defineKernel("embed", wgsl);

/**
 * y[t] = table[ids[t]].
 *
 * @param table [V, C] f32, f16 or bf16
 * @param ids [T] u32, each below V
 * @returns [T, C] f32
 */
export function embed(ctx: Context, table: Tensor, ids: Tensor): Tensor {
  expect(ids.dtype === "u32", "embed", "ids of u32", ids);
  const width = table.width;
  const y = ctx.tensor("embed", [ids.length, width]);
  for (const rows of rowGroups(ctx.gpu, "embed", ids.length, 4, rowBytes(y))) {
    for (const part of windows(ctx.gpu, "embed", table.rows, rowBytes(table))) {
      ctx.recorder.dispatch(kernel, {
        bind: { ids: bindItems(ids, rows), table: bindRows(table, part), y: bindRows(y, rows) },
        params: { width, first: part.from, rows: part.to - part.from },
        overrides: { W_TYPE: weightType("embed", table) },
        grid: [Math.ceil(width / 64), rows.to - rows.from],
      });
    }
  }
  return y;
}
