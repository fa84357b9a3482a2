import type { Gpu, Tensor } from "../gpu/index.ts";
import type { Ops } from "../kernels/index.ts";
import type { DecoderShape, KeysValues, Step } from "./kv-cache.ts";

/** A decoder as generation and learning see it. It takes embeddings, so that audio can stand among the words. */
export interface LanguageModel extends DecoderShape {
  readonly gpu: Gpu;
  readonly width: number; // C
  readonly vocab: number; // V
  readonly maxPositions: number;
  /** ids [T] u32 → [T, C] */
  embed(ops: Ops, ids: Tensor): Tensor;
  /** x [T, C] → hidden states after the last layer, before the final norm [T, C]; k and v go to the cache. */
  forward(ops: Ops, x: Tensor, step: Step, cache: KeysValues): Tensor;
  /** h [T, C] from `forward` → what the vocabulary's projection takes [T, C] */
  norm(ops: Ops, h: Tensor): Tensor;
  readonly head: Tensor; // [V, C]: norm(h) · headᵀ are the logits
}
