import wgsl from "../../shaders/rope-dx.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows } from "./check.ts";
import type { Context } from "./context.ts";
import type { Rope } from "./rope.ts";
import { bindItems, bindRows, rowBytes, rowGroups } from "./rows.ts";

const kernel = defineKernel("rope-dx", wgsl);

/**
 * The backward pass of `rope` (RoFormer, arXiv 2104.09864): a rotation's transpose is its inverse, so the gradients of
 * q and k are rotated back by their positions, and those of k and v fetched from the rows that the forward wrote.
 * A gradient that is undefined counts as zeros.
 *
 * @param dq [T, H·D] f32, or undefined
 * @param dk [R, K·D] f32, or undefined
 * @param dv [R, K·D] f32, or undefined
 * @param o as in the forward
 * @returns dqkv [T, (H + 2·K)·D] f32
 * @throws GpuError for shapes that do not fit
 */
export function ropeDx(
  ctx: Context,
  dq: Tensor | undefined,
  dk: Tensor | undefined,
  dv: Tensor | undefined,
  o: Rope,
): Tensor {
  check(dq, dk, dv, o);
  const { heads, kvHeads, headDim, angles } = o;
  const width = (heads + 2 * kvHeads) * headDim;
  const dqkv = ctx.tensor("dqkv", [o.positions.length, width]);
  const flags = (dq ? 1 : 0) + (dk ? 2 : 0) + (dv ? 4 : 0);
  for (const part of rowGroups(ctx.gpu, "rope-dx", dqkv.rows, rowBytes(dqkv), heads * headDim * 4, 4)) {
    ctx.recorder.dispatch(kernel, {
      bind: {
        dq: dq ? bindRows(dq, part) : angles, // which is read anyway, where a binding must be something
        dk: dk ?? angles,
        dv: dv ?? angles,
        angles,
        positions: bindItems(o.positions, part),
        rows: bindItems(o.rows, part),
        dqkv: bindRows(dqkv, part),
      },
      params: { heads, kv_heads: kvHeads, head_dim: headDim, flags },
      grid: [Math.ceil(width / 64), part.to - part.from],
    });
  }
  return dqkv;
}

function check(dq: Tensor | undefined, dk: Tensor | undefined, dv: Tensor | undefined, o: Rope): void {
  const op = "rope-dx";
  const t = o.positions.length;
  expect(o.rows.length === t, op, `a row for each of ${t} positions`, o.rows);
  expectRows(op, "angles", o.angles, o.headDim);
  if (dq) {
    expectRows(op, "dq", dq, o.heads * o.headDim);
    expect(dq.rows === t, op, `dq of ${t} rows`, dq);
  }
  if (dk) expectRows(op, "dk", dk, o.kvHeads * o.headDim);
  if (dv) expectRows(op, "dv", dv, o.kvHeads * o.headDim);
}
