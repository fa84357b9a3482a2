import type { Tensor } from "../gpu/index.ts";
import { expect, expectRows, expectVector, weightType } from "./check.ts";
import type { Context } from "./context.ts";
import { epilogueFlags } from "./epilogue.ts";
import { matmulKernel, TILE } from "./matmul.ts";
import { bindRows, rowBytes, windows } from "./rows.ts";

export interface Conv1d {
  bias: Tensor; // [O] f32
  taps: number; // width of the kernel, odd
  stride: number;
  gelu?: boolean;
  residual?: Tensor; // added last; of y's shape
}

/**
 * 1-D convolution over the rows of x, zero-padded by (taps − 1)/2 on both sides, then GELU, then + residual: the
 * matmul kernel on overlapping rows.
 *
 * @param x [T, C] f32
 * @param w [O, taps·C]: for each output channel, tap by tap (the checkpoint's [O, C, taps] with the taps outermost)
 * @param y where to write, from row `at` on: rows at … at + outputs − 1 of [≥ at + outputs, O] f32
 * @param outputs how many rows to compute, at most ⌈T/stride⌉
 */
export function conv1d(
  ctx: Context,
  x: Tensor,
  w: Tensor,
  y: Tensor,
  at: number,
  outputs: number,
  o: Conv1d,
): void {
  const [channels, out] = [x.width, w.rows];
  const padding = (o.taps - 1) / 2;
  expect(w.width === o.taps * channels, "conv1d", `w [O, ${o.taps}·${channels}]`, w);
  expectRows("conv1d", "y", y, out);
  expectVector("conv1d", "bias", o.bias, out);
  expect(
    at + outputs <= y.rows && outputs <= Math.ceil(x.rows / o.stride),
    "conv1d",
    `${outputs} outputs to fit`,
    y,
  );
  if (o.residual)
    expect(
      `${o.residual.shape}` === `${y.shape}`,
      "conv1d",
      `residual of y's shape [${y.shape}]`,
      o.residual,
    );
  const limit = ctx.gpu.limits.bindingBytes - 512; // room to begin 256 bytes early and end on a vec4
  const most = Math.min(limit / rowBytes(y), (limit / rowBytes(x) - o.taps) / o.stride);
  const step = Math.max(1, Math.floor(most));
  for (let t0 = 0; t0 < outputs; t0 += step) {
    const m = Math.min(step, outputs - t0);
    const first = Math.max(0, t0 * o.stride - padding); // rows of x that these outputs see
    const end = Math.min(x.rows, (t0 + m - 1) * o.stride + padding + 1);
    const from = slice(x, first, end);
    const to = slice(y, at + t0, at + t0 + m);
    for (const part of windows(ctx.gpu, "conv1d", out, rowBytes(w))) {
      ctx.recorder.dispatch(matmulKernel, {
        bind: {
          x: from.bound,
          w: bindRows(w, part),
          bias: o.bias,
          residual: o.residual ? { ...to.bound, tensor: o.residual } : from.bound,
          y: to.bound,
        },
        params: {
          m,
          n: part.to - part.from,
          k: w.width,
          x_offset: from.skip + (t0 * o.stride - padding - first) * channels,
          x_stride: o.stride * channels,
          x_first: from.skip,
          x_end: from.skip + (end - first) * channels,
          n0: part.from,
          y_stride: out,
          y_offset: to.skip,
          epilogue: epilogueFlags(o),
        },
        overrides: {
          W_TYPE: weightType("conv1d", w),
          // The zero padding begins and ends at whole rows, so vec4s are whole where rows are and the slice begins on one.
          ALIGNED: channels % 4 === 0 && from.skip % 4 === 0,
        },
        scalar: ctx.scalar,
        grid: [Math.ceil((part.to - part.from) / TILE), Math.ceil(m / TILE)],
      });
    }
  }
}

/** Rows first … end − 1 as a binding that begins at the multiple of 256 bytes before them, `skip` elements early. */
function slice(t: Tensor, first: number, end: number) {
  const begin = first * rowBytes(t);
  const offset = begin - (begin % 256);
  return { bound: { tensor: t, offset, size: end * rowBytes(t) - offset }, skip: (begin - offset) / 4 };
}
