import wgsl from "../../shaders/matmul-dx.wgsl";
import cpuWgsl from "../../shaders/matmul-dx-cpu.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows, weightType } from "./check.ts";
import type { Context } from "./context.ts";
import { allRows, bindRows, rowBytes, type Window, windows, within } from "./rows.ts";

const kernel = defineKernel("matmul-dx", wgsl);
const cpuKernel = defineKernel("matmul-dx-cpu", cpuWgsl);

/**
 * dx = dy · W + residual: the gradient of x in y = x · Wᵀ, on top of what other uses of x gave.
 *
 * @param dy [M, N] f32
 * @param w [N, K] f32, f16 or bf16, widened in the kernel
 * @param residual [M, K] f32
 * @param part the rows of w that dy's columns belong to, N of them, as in `matmul`
 * @returns [M, K] f32
 * @throws GpuError when the shapes do not fit
 */
export function matmulDx(
  ctx: Context,
  dy: Tensor,
  w: Tensor,
  residual?: Tensor,
  part: Window = allRows(w),
): Tensor {
  const [m, n, k] = [dy.rows, part.to - part.from, w.width];
  expectRows("matmul-dx", `dy (for w ${w})`, dy, n);
  if (residual)
    expect(residual.rows === m && residual.width === k, "matmul-dx", `residual [${m}, ${k}]`, residual);
  const dx = ctx.tensor(`dx ${w.label}`, [m, k]);
  const columns = windows(ctx.gpu, "matmul-dx", n, rowBytes(w));
  const overrides = {
    W_TYPE: weightType("matmul-dx", w),
    ALIGNED: k % 4 === 0 && n % 4 === 0 && columns.every(({ from }) => from % 4 === 0),
  };
  for (const rows of windows(ctx.gpu, "matmul-dx", m, rowBytes(dy), rowBytes(dx))) {
    const height = rows.to - rows.from;
    for (const some of columns) {
      ctx.recorder.dispatch(ctx.gpu.software ? cpuKernel : kernel, {
        bind: {
          dy: bindRows(dy, rows),
          w: bindRows(w, within(part, some)),
          residual: residual ? bindRows(residual, rows) : bindRows(dy, rows),
          dx: bindRows(dx, rows),
        },
        params: {
          m: height,
          n: some.to - some.from,
          k,
          n0: some.from,
          dy_stride: n,
          flags: some.from > 0 ? 2 : residual ? 1 : 0,
        },
        overrides,
        grid: ctx.gpu.software
          ? [Math.ceil(k / 32), Math.ceil(height / 8)]
          : [Math.ceil(k / 64), Math.ceil(height / 64)],
      });
    }
  }
  return dx;
}
