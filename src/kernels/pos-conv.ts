import wgsl from "../../shaders/pos-conv.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows, expectSame, expectVector } from "./check.ts";
import type { Context } from "./context.ts";

const kernel = defineKernel("pos-conv", wgsl);
const TILE = 64; // rows, and at most as many channels, of a workgroup

export interface PosConv {
  bias: Tensor; // [C] f32
  taps: number; // W
  groups: number; // G; C/G is a multiple of 4
}

/**
 * The convolution that tells wav2vec 2.0 and its kin positions (arXiv 2006.11477, section 2), over one sequence of a
 * packed batch: y = gelu(conv(x) + bias), in groups of channels, zero-padded so that as many rows come out as go in (by
 * ⌊W/2⌋ before; an even kernel's last output is cut).
 *
 * @param x [R, C] f32
 * @param w [C, W·C/G] f32: for each output channel, tap by tap (the checkpoint's [C, C/G, W] with the taps outermost)
 * @param y [R, C] f32, of which rows first … first + rows − 1 are written, from the same rows of x
 * @throws GpuError when the shapes do not fit
 */
export function posConv(
  ctx: Context,
  x: Tensor,
  w: Tensor,
  y: Tensor,
  first: number,
  rows: number,
  { bias, taps, groups }: PosConv,
): void {
  const channels = x.width;
  const group = channels / groups;
  expect(group % 4 === 0, "pos-conv", "a multiple of 4 channels in each group", `${channels} in ${groups}`);
  expectRows("pos-conv", "x", x, channels);
  expectSame("pos-conv", "y", y, x);
  expectRows("pos-conv", "w", w, taps * group);
  expect(w.rows === channels, "pos-conv", `w of ${channels} rows`, w);
  expectVector("pos-conv", "bias", bias, channels);
  expect(first + rows <= x.rows, "pos-conv", `rows ${first} to ${first + rows} to fit`, x);
  const tiles = Math.ceil(group / TILE);
  ctx.recorder.dispatch(kernel, {
    bind: { x, w, bias, y },
    params: { first, rows, channels, group, taps },
    overrides: { COLUMNS: Math.ceil(group / (16 * tiles)) },
    scalar: ctx.scalar,
    grid: [Math.ceil(rows / TILE), groups, tiles],
  });
}
