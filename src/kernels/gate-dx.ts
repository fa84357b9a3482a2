import wgsl from "../../shaders/gate-dx.wgsl";
import { count, defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectSame } from "./check.ts";
import type { Context } from "./context.ts";
import { fold } from "./rows.ts";

const kernel = defineKernel("gate-dx", wgsl);

/**
 * dx = Σ over masks of dgates·slope, summed in their order: the gradient of mask logits [L, H] of which each sample in
 * a batch has drawn gates of its own (AHAMask, arXiv 2509.01787).
 *
 * @param dgates [G, L, H] f32, the gradient of each mask's gates
 * @param slope [G, L, H] f32, of each gate by its logit
 * @returns dx [L, H] f32
 * @throws GpuError for shapes that do not fit, and when all gates are more than a binding holds
 */
export function gateDx(ctx: Context, dgates: Tensor, slope: Tensor): Tensor {
  expect(dgates.dtype === "f32" && dgates.shape.length === 3, "gate-dx", "dgates f32 [G, L, H]", dgates);
  expectSame("gate-dx", "slope", slope, dgates);
  const [masks = 0, ...shape] = dgates.shape;
  const dx = ctx.tensor("gate-dx", shape);
  ctx.recorder.dispatch(kernel, {
    bind: { dgates, slope, dx },
    params: { masks, count: count(shape) },
    grid: fold(Math.ceil(count(shape) / 64)),
  });
  return dx;
}
