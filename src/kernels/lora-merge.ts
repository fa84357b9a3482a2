import wgsl from "../../shaders/lora-merge.wgsl";
import { BYTES, defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows, weightType } from "./check.ts";
import type { Context } from "./context.ts";
import { bindRows, fold, rowBytes, windows } from "./rows.ts";

const kernel = defineKernel("lora-merge", wgsl);

/**
 * W ← W + b · a, in place, rounded to the nearest value of the type that W is stored in, ties to even (LoRA, arXiv
 * 2106.09685, with α/r in b). Rows whose b is zeros keep their bits.
 *
 * @param w [N, C] f32, f16 or bf16
 * @param a [R, C] f32
 * @param b [N, R] f32
 */
export function loraMerge(ctx: Context, w: Tensor, a: Tensor, b: Tensor): void {
  const type = weightType("lora-merge", w);
  expectRows("lora-merge", "a", a, w.width);
  const fits = b.dtype === "f32" && b.rows === w.rows && b.width === a.rows;
  expect(fits, "lora-merge", `b f32 [${w.rows}, ${a.rows}]`, b);
  for (const rows of windows(ctx.gpu, "lora-merge", w.rows, rowBytes(w), rowBytes(b))) {
    const n = rows.to - rows.from;
    const words = Math.ceil((n * w.width * BYTES[w.dtype]) / 4);
    ctx.recorder.dispatch(kernel, {
      bind: { a, b: bindRows(b, rows), w: bindRows(w, rows) },
      params: { n, width: w.width, rank: a.rows },
      overrides: { W_TYPE: type },
      grid: fold(Math.ceil(words / 64)),
    });
  }
}
