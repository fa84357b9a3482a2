import matmulWgsl from "../../shaders/matmul.wgsl";
import cpuWgsl from "../../shaders/matmul-cpu.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows, expectVector, weightType } from "./check.ts";
import type { Context } from "./context.ts";
import { type Epilogue, epilogueFlags } from "./epilogue.ts";
import { MATVEC_ROWS, matvec } from "./matvec.ts";
import { allRows, bindRows, rowBytes, type Window, windows, within } from "./rows.ts";

export const matmulKernel = defineKernel("matmul", matmulWgsl);
const cpuKernel = defineKernel("matmul-cpu", cpuWgsl);
export const TILE = 64; // rows and columns of an output tile

/**
 * y = gelu(x · Wᵀ + bias) + residual.
 *
 * @param x [M, K] f32
 * @param w [N, K] f32, f16 or bf16, widened in the kernel
 * @param part the rows of w to take, N of them; they begin where a binding may (see `windows`). Default: all
 * @returns [M, N] f32
 * @throws GpuError when the shapes do not fit
 */
export function matmul(
  ctx: Context,
  x: Tensor,
  w: Tensor,
  epilogue: Epilogue = {},
  part: Window = allRows(w),
): Tensor {
  const k = w.width;
  const [m, n] = [x.rows, part.to - part.from];
  expectRows("matmul", `x (for w ${w})`, x, k);
  const { bias, residual } = epilogue;
  if (bias) expectVector("matmul", "bias", bias, n);
  if (residual)
    expect(residual.rows === m && residual.width === n, "matmul", `residual [${m}, ${n}]`, residual);
  const y = ctx.tensor(`matmul ${w.label}`, [m, n]);
  if (m <= MATVEC_ROWS || (ctx.gpu.software && m <= TILE && k % 4 > 0)) matvec(ctx, x, w, y, epilogue, part);
  else if (ctx.gpu.software && k % 4 === 0) untiled(ctx, x, w, y, epilogue, part);
  else tiled(ctx, x, w, y, epilogue, part);
  return y;
}

/** The tiled kernel, whatever the number of rows. */
export function tiled(
  ctx: Context,
  x: Tensor,
  w: Tensor,
  y: Tensor,
  epilogue: Epilogue,
  part: Window = allRows(w),
): void {
  const { bias, residual } = epilogue;
  const [n, k] = [part.to - part.from, w.width];
  const overrides = {
    W_TYPE: weightType("matmul", w),
    ALIGNED: k % 4 === 0,
  };
  for (const rows of windows(ctx.gpu, "matmul", x.rows, rowBytes(x), rowBytes(y))) {
    const m = rows.to - rows.from;
    for (const columns of windows(ctx.gpu, "matmul", n, rowBytes(w))) {
      const width = columns.to - columns.from;
      ctx.recorder.dispatch(matmulKernel, {
        bind: {
          x: bindRows(x, rows),
          w: bindRows(w, within(part, columns)),
          bias: bias ?? bindRows(x, rows),
          residual: residual ? bindRows(residual, rows) : bindRows(x, rows),
          y: bindRows(y, rows),
        },
        params: {
          m,
          n: width,
          k,
          x_offset: 0,
          x_stride: k,
          x_first: 0,
          x_end: m * k,
          n0: columns.from,
          y_stride: n,
          y_offset: 0,
          epilogue: epilogueFlags(epilogue),
        },
        overrides,
        scalar: ctx.scalar,
        grid: [Math.ceil(width / TILE), Math.ceil(m / TILE)],
      });
    }
  }
}

/** The kernel for many rows where a CPU plays the GPU. */
function untiled(ctx: Context, x: Tensor, w: Tensor, y: Tensor, epilogue: Epilogue, part: Window): void {
  const { bias, residual } = epilogue;
  const [n, k] = [part.to - part.from, w.width];
  for (const rows of windows(ctx.gpu, "matmul", x.rows, rowBytes(x), rowBytes(y))) {
    const m = rows.to - rows.from;
    for (const columns of windows(ctx.gpu, "matmul", n, rowBytes(w))) {
      const width = columns.to - columns.from;
      ctx.recorder.dispatch(cpuKernel, {
        bind: {
          x: bindRows(x, rows),
          w: bindRows(w, within(part, columns)),
          bias: bias ?? bindRows(x, rows),
          residual: bindRows(residual ?? x, rows),
          y: bindRows(y, rows),
        },
        params: { m, n: width, k, n0: columns.from, y_stride: n, epilogue: epilogueFlags(epilogue) },
        overrides: { W_TYPE: weightType("matmul", w) },
        grid: [Math.ceil(width / 32), Math.ceil(m / 8)],
      });
    }
  }
}
