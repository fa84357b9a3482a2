import matvecWgsl from "../../shaders/matvec.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { weightType } from "./check.ts";
import type { Context } from "./context.ts";
import { type Epilogue, epilogueFlags } from "./epilogue.ts";
import { bindRows, fold, rowBytes, type Window, windows, within } from "./rows.ts";

const kernel = defineKernel("matvec", matvecWgsl);
const THREADS = 64;

/** Rows of x up to which a weight is better read once and reused in registers than tiled. */
export const MATVEC_ROWS = 8;

/** `matmul` for few rows of x, into y [M, N]; shapes are checked by `matmul`. */
export function matvec(
  ctx: Context,
  x: Tensor,
  w: Tensor,
  y: Tensor,
  epilogue: Epilogue,
  part: Window,
): void {
  const { bias, residual } = epilogue;
  const [n, k] = [part.to - part.from, w.width];
  const aligned = k % 8 === 0;
  const held = x.rows === 1 ? 1 : x.rows <= 4 ? 4 : MATVEC_ROWS;
  // Enough threads an output to cover a row once, at most half a workgroup.
  const lanes = ctx.gpu.software
    ? 1
    : Math.min(32, 2 ** Math.ceil(Math.log2(Math.max(k / (aligned ? 8 : 1), 1))));
  const overrides = { W_TYPE: weightType("matvec", w), ALIGNED: aligned, ROWS: held };
  for (const rows of windows(ctx.gpu, "matvec", x.rows, rowBytes(x), rowBytes(y))) {
    const m = rows.to - rows.from;
    for (const columns of windows(ctx.gpu, "matvec", n, rowBytes(w))) {
      const width = columns.to - columns.from;
      ctx.recorder.dispatch(kernel, {
        bind: {
          x: bindRows(x, rows),
          w: bindRows(w, within(part, columns)),
          bias: bias ?? bindRows(x, rows),
          residual: bindRows(residual ?? x, rows),
          y: bindRows(y, rows),
        },
        params: { m, n: width, k, n0: columns.from, y_stride: n, epilogue: epilogueFlags(epilogue), lanes },
        overrides,
        grid: [...fold(Math.ceil(width / (THREADS / lanes))), Math.ceil(m / held)],
      });
    }
  }
}
