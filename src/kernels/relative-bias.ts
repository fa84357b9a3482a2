import wgsl from "../../shaders/relative-bias.wgsl";
import { defineKernel, type Tensor } from "../gpu/index.ts";
import { expect, expectRows, expectVector } from "./check.ts";
import type { Context } from "./context.ts";
import { fold } from "./rows.ts";

const kernel = defineKernel("relative-bias", wgsl);

export interface RelativeBias {
  heads: number; // H
  headDim: number; // D
  embed: Tensor; // [B, H] f32, flat or not: what each head adds to a score, by bucket
  buckets: Tensor; // [2N − 1] u32, each below B: the bucket of each key − query, from −(N − 1) on
  weight: Tensor; // [8, D] f32, flat or not
  bias: Tensor; // [8] f32
  scale: Tensor; // [H] f32
}

/**
 * A gated relative position bias (WavLM, arXiv 2110.13900, section 3.1) as `attention` takes it. To the score of a query
 * and a key it adds embed[buckets[key − query]] · (σ(a)·(σ(b)·scale − 1) + 2), a and b being the sums of the first and the
 * last four of the eight numbers W·q + bias: made of T·H gates and a table of H·(2N − 1), never a [T, T] matrix.
 *
 * @param q [T, H·D] f32, not scaled
 * @returns [H·(2N − 1) + T·H] f32, the table, then the gates
 * @throws GpuError when the shapes do not fit
 */
export function relativeBias(ctx: Context, q: Tensor, o: RelativeBias): Tensor {
  const { heads, headDim, buckets } = o;
  expectRows("relative-bias", "q", q, heads * headDim);
  expect(
    o.embed.dtype === "f32" && o.embed.length % heads === 0,
    "relative-bias",
    `embed f32 [B, ${heads}]`,
    o.embed,
  );
  expect(
    buckets.dtype === "u32" && buckets.length % 2 === 1,
    "relative-bias",
    "buckets u32 [2N − 1]",
    buckets,
  );
  expectVector("relative-bias", "weight", o.weight, 8 * headDim);
  expectVector("relative-bias", "bias", o.bias, 8);
  expectVector("relative-bias", "scale", o.scale, heads);
  const [distances, tokens] = [buckets.length, q.rows];
  const y = ctx.tensor("relative-bias", [heads * (distances + tokens)]);
  ctx.recorder.dispatch(kernel, {
    bind: { q, embed: o.embed, buckets, w: o.weight, bias: o.bias, scale: o.scale, y },
    params: { heads, head_dim: headDim, distances, tokens },
    grid: fold(Math.ceil(y.length / 64)),
  });
  return y;
}
