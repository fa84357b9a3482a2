import wgsl from "../../shaders/concat-channels.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expectRows } from "./check.ts";
import type { Context } from "./context.ts";
import { bindRows, rowBytes, rowGroups } from "./rows.ts";

const kernel = defineKernel("concat-channels", wgsl);

/**
 * y[t] = [a[t], b[t]]: two streams side by side, the shorter one followed by zeros.
 *
 * @param a [Ta, A] f32
 * @param b [Tb, B] f32
 * @returns [max(Ta, Tb), A + B] f32
 */
export function concatChannels(ctx: Context, a: Tensor, b: Tensor): Tensor {
  expectRows("concat-channels", "a", a, a.width);
  expectRows("concat-channels", "b", b, b.width);
  const width = a.width + b.width;
  const y = ctx.tensor("concat-channels", [Math.max(a.rows, b.rows), width]);
  for (const part of rowGroups(ctx.gpu, "concat-channels", y.rows, rowBytes(a), rowBytes(b), rowBytes(y))) {
    const { from } = part;
    const rowsOf = (t: Tensor) => Math.max(0, Math.min(part.to, t.rows) - from);
    // of a stream that has ended, any row will do
    const bind = (t: Tensor) =>
      bindRows(t, rowsOf(t) > 0 ? { from, to: from + rowsOf(t) } : { from: 0, to: 1 });
    ctx.recorder.dispatch(kernel, {
      bind: { a: bind(a), b: bind(b), y: bindRows(y, part) },
      params: { a_rows: rowsOf(a), a_width: a.width, b_rows: rowsOf(b), b_width: b.width },
      grid: [Math.ceil(width / 64), part.to - from],
    });
  }
  return y;
}
