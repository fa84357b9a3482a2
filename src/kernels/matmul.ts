import matmulWgsl from "../../shaders/matmul.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows, expectVector, weightType } from "./check.ts";
import type { Context } from "./context.ts";
import { type Epilogue, epilogueFlags } from "./epilogue.ts";
import { MATVEC_ROWS, matvec } from "./matvec.ts";
import { bindRows, rowBytes, windows } from "./rows.ts";

export const matmulKernel = defineKernel("matmul", matmulWgsl);
export const TILE = 64; // rows and columns of an output tile

/**
 * y = gelu(x · Wᵀ + bias) + residual.
 *
 * @param x [M, K] f32
 * @param w [N, K] f32, f16 or bf16, widened in the kernel
 * @returns [M, N] f32
 * @throws GpuError when the shapes do not fit
 */
export function matmul(ctx: Context, x: Tensor, w: Tensor, epilogue: Epilogue = {}): Tensor {
  const k = w.width;
  const [m, n] = [x.rows, w.rows];
  expectRows("matmul", `x (for w ${w})`, x, k);
  const { bias, residual } = epilogue;
  if (bias) expectVector("matmul", "bias", bias, n);
  if (residual)
    expect(residual.rows === m && residual.width === n, "matmul", `residual [${m}, ${n}]`, residual);
  const y = ctx.tensor(`matmul ${w.label}`, [m, n]);
  if (m <= (ctx.gpu.software ? TILE : MATVEC_ROWS)) matvec(ctx, x, w, y, epilogue);
  else tiled(ctx, x, w, y, epilogue);
  return y;
}

/** The tiled kernel, whatever the number of rows. */
export function tiled(ctx: Context, x: Tensor, w: Tensor, y: Tensor, epilogue: Epilogue): void {
  const { bias, residual } = epilogue;
  const [n, k] = [w.rows, w.width];
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
          w: bindRows(w, columns),
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
