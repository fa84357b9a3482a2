import wgsl from "../../shaders/rope.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows } from "./check.ts";
import type { Context } from "./context.ts";
import { bindItems, bindRows, rowBytes, rowGroups } from "./rows.ts";

const kernel = defineKernel("rope", wgsl);

export interface Rope {
  heads: number; // H
  kvHeads: number; // K
  headDim: number; // D, even
  angles: Tensor; // [P, D] f32, from ropeAngles
  positions: Tensor; // [T] u32, each below P
  rows: Tensor; // [T] u32, the rows of k and v that each token's go to
}

/**
 * Splits qkv into heads, rotates q and k by position (RoFormer, arXiv 2104.09864, rotate-half form) and writes k and v
 * to their rows of the KV cache.
 *
 * @param qkv [T, (H + 2·K)·D] f32
 * @param k [R, K·D] f32, written
 * @param v [R, K·D] f32, written
 * @returns q [T, H·D] f32
 */
export function rope(ctx: Context, qkv: Tensor, k: Tensor, v: Tensor, o: Rope): Tensor {
  const { heads, kvHeads, headDim } = o;
  const width = (heads + 2 * kvHeads) * headDim;
  expectRows("rope", "qkv", qkv, width);
  expectRows("rope", "k", k, kvHeads * headDim);
  expectRows("rope", "v", v, kvHeads * headDim);
  expectRows("rope", "angles", o.angles, headDim);
  const t = qkv.rows;
  expect(
    o.positions.length === t && o.rows.length === t,
    "rope",
    `${t} positions and rows`,
    `${o.positions}, ${o.rows}`,
  );
  const q = ctx.tensor("q", [t, heads * headDim]);
  for (const part of rowGroups(ctx.gpu, "rope", t, rowBytes(qkv), rowBytes(q), 4)) {
    ctx.recorder.dispatch(kernel, {
      bind: {
        qkv: bindRows(qkv, part),
        angles: o.angles,
        positions: bindItems(o.positions, part),
        rows: bindItems(o.rows, part),
        q: bindRows(q, part),
        k,
        v,
      },
      params: { heads, kv_heads: kvHeads, head_dim: headDim },
      grid: [Math.ceil(width / 64), part.to - part.from],
    });
  }
  return q;
}

/**
 * The rotation table [positions, D]: D/2 cosines, then D/2 sines of position · theta^(−2i/D). Frequencies and angles
 * are rounded to f32 on the way, as the reference implementations compute them.
 *
 * @param owner a Gpu, and the table is the caller's; or Ops, and it is the recording's
 */
export function ropeAngles(
  owner: { upload(label: string, shape: readonly number[], data: Float32Array): Tensor },
  positions: number,
  headDim: number,
  theta: number,
): Tensor {
  const half = headDim / 2;
  const table = new Float32Array(positions * headDim);
  for (let i = 0; i < half; i++) {
    const frequency = Math.fround(1 / Math.fround(theta ** Math.fround((2 * i) / headDim)));
    for (let p = 0; p < positions; p++) {
      const angle = Math.fround(p * frequency);
      table[p * headDim + i] = Math.cos(angle);
      table[p * headDim + half + i] = Math.sin(angle);
    }
  }
  return owner.upload("rope angles", [positions, headDim], table);
}
