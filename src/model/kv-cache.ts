import { BYTES, type Gpu, GpuError, type Tensor } from "../gpu/index.ts";
import { type Ops, ropeAngles } from "../kernels/index.ts";

/** The sizes of a decoder that its cache and its masks depend on. */
export interface DecoderShape {
  readonly layers: number; // L
  readonly heads: number; // H, query heads
  readonly kvHeads: number; // K
  readonly headDim: number; // D
  readonly ropeTheta: number;
}

/** Where a forward pass puts each layer's keys and values. */
export interface KeysValues {
  readonly angles: Tensor; // [P, D], the rotations of every position in use
  /** k and v [R, K·D] of layer l, each token's in the row that `Step.rows` names. */
  layer(ops: Ops, l: number): { k: Tensor; v: Tensor };
}

/**
 * Keys and values of every layer, kept for the tokens to come: [rows, K·D] f32 each. A row holds one token; which rows make up a sequence is the
 * tables' affair (see `Step`), so that beams share a prompt and are reordered without copying.
 */
export class KvCache implements KeysValues {
  readonly angles: Tensor; // [positions, D]
  readonly #layers: readonly { k: Tensor; v: Tensor }[];

  constructor(
    gpu: Gpu,
    { layers, kvHeads, headDim, ropeTheta }: DecoderShape,
    readonly rows: number,
    positions: number,
  ) {
    const width = kvHeads * headDim;
    const bytes = rows * width * BYTES.f32;
    if (bytes > gpu.limits.bindingBytes) {
      throw new GpuError(
        `kv-cache: expected at most ${Math.floor(gpu.limits.bindingBytes / width / BYTES.f32)} tokens in the batch ` +
          `(this device's binding limit), got ${rows}; use a smaller batch, fewer beams or fewer new tokens`,
      );
    }
    this.#layers = Array.from({ length: layers }, (_, l) => ({
      k: gpu.tensor(`k ${l}`, [rows, width]),
      v: gpu.tensor(`v ${l}`, [rows, width]),
    }));
    this.angles = ropeAngles(gpu, positions, headDim, ropeTheta);
  }

  layer(_ops: Ops, l: number): { k: Tensor; v: Tensor } {
    return this.#layers[l]!;
  }

  dispose(): void {
    for (const { k, v } of this.#layers) {
      k.dispose();
      v.dispose();
    }
    this.angles.dispose();
  }
}

/** Keys and values for the forward pass of one recording, as learning makes it: each layer's belong to the layer's block. */
export class PassingKeysValues implements KeysValues {
  readonly angles: Tensor; // [positions, D]
  readonly #width: number;

  constructor(
    ops: Ops,
    { kvHeads, headDim, ropeTheta }: DecoderShape,
    private readonly rows: number,
    positions: number,
  ) {
    this.#width = kvHeads * headDim;
    this.angles = ropeAngles(ops, positions, headDim, ropeTheta);
  }

  layer(ops: Ops, l: number): { k: Tensor; v: Tensor } {
    const shape = [this.rows, this.#width];
    return { k: ops.tensor(`k ${l}`, shape), v: ops.tensor(`v ${l}`, shape) };
  }
}

/** Where the tokens of one forward pass stand. T tokens of a packed batch (prefill), or one of each sequence (decode). */
export type Step = {
  readonly positions: Tensor; // [T] u32
  readonly rows: Tensor; // [T] u32, the cache row each token's k and v go to
  readonly gates?: Tensor; // [G, L, H] f32, one head mask for each sequence
} & (
  | { readonly tiles: Tensor } // prefill: Ops.attentionTiles
  | { readonly table: Tensor } // decode: [B, S] u32, the cache row of each position of a sequence
);
