import { BYTES, count, type DType, type Gpu, GpuError, type Tensor } from "../gpu/index.ts";
import type { Checkpoint } from "../io/checkpoint.ts";
import { type LoadOptions, loadWeights, matrix, type Param, vector } from "../io/load.ts";
import type { StoredDType } from "../io/safetensors.ts";
import { toF32 } from "../io/values.ts";
import { EagerOps, loraMerge } from "../kernels/index.ts";
import { orDispose } from "./dispose-tree.ts";
import type { LanguageModel } from "./language-model.ts";
import { isLora, loraName } from "./lora-names.ts";

export interface LoraConfig {
  readonly rank: number; // r
  readonly alpha: number; // what is added is scaled by α/r
}

/** What LoRA adds to a layer's q and v: (α/r)·B·A, as one product of low rank beside the fused one for q, k and v. */
export interface LoraLayer {
  readonly a: Tensor; // [2·r, C] f32: q's A, then v's
  readonly b: Tensor; // [(H + 2·K)·D, 2·r] f32: α/r times q's B at the rows of q, v's B at those of v, zeros elsewhere
}

/** Where a LoRA is while its decoder runs: beside the weights, or merged into them. */
export type LoraPlace = "beside" | "merge";

/** One a layer. */
export type Lora = readonly LoraLayer[];

type AdaptedShape = Pick<LanguageModel, "layers" | "width" | "heads" | "kvHeads" | "headDim">;

/** The parameters of each layer by their names in the checkpoint, and what becomes of them on the GPU (`LoraLayer`). */
export function loraParams({ rank }: Pick<LoraConfig, "rank">, shape: AdaptedShape) {
  const q = shape.heads * shape.headDim;
  const kv = shape.kvHeads * shape.headDim;
  const layers = Array.from({ length: shape.layers }, (_, l) => `model.layers.${l}.self_attn.`);
  return {
    stored: layers.map((at) => ({
      qA: matrix(`${at}q_proj.lora_A.weight`, [rank, shape.width]),
      qB: matrix(`${at}q_proj.lora_B.weight`, [q, rank]),
      vA: matrix(`${at}v_proj.lora_A.weight`, [rank, shape.width]),
      vB: matrix(`${at}v_proj.lora_B.weight`, [kv, rank]),
    })),
    made: layers.map(() => ({ a: zeros([2 * rank, shape.width]), b: zeros([q + 2 * kv, 2 * rank]) })),
  };
}

/** f32 that no tensor of the checkpoint fills. */
const zeros = (shape: readonly number[]): Param => ({ ...vector([null], [count(shape)]), shape });

/**
 * LoRA (arXiv 2106.09685) on a decoder's q and v. It stays beside the weights, as it was trained, unless it is merged into
 * them: then two products of rank 2·r fall away, and W + (α/r)·B·A is rounded to the type that W is stored in.
 *
 * @throws CheckpointError with every tensor that is missing, of another rank or width, NaN, or for another product
 */
export async function loadLora(
  gpu: Gpu,
  checkpoint: Checkpoint,
  { rank, alpha }: LoraConfig,
  shape: AdaptedShape,
  options: Pick<LoadOptions, "signal"> = {},
): Promise<Lora> {
  const { stored, made } = loraParams({ rank }, shape);
  const loaded = await loadWeights(host, checkpoint, stored, {
    ...options,
    rename: loraName,
    ignore: (name) => !isLora(name),
  });
  const scale = alpha / rank;
  const adapter: LoraLayer[] = [];
  return orDispose(adapter, async () =>
    loaded.map(({ qA, qB, vA, vB }, l) => {
      const layer = made[l]!;
      const a = new Float32Array(count(layer.a.shape));
      a.set(qA.values());
      a.set(vA.values(), a.length / 2);
      const b = new Float32Array(count(layer.b.shape));
      const put = (values: Float32Array, row: number, column: number) => {
        for (const [i, v] of values.entries())
          b[(row + Math.floor(i / rank)) * 2 * rank + column + (i % rank)] = v * scale;
      };
      put(qB.values(), 0, 0);
      put(vB.values(), layer.b.shape[0]! - vB.values().length / rank, rank);
      const placed = {
        a: gpu.upload(`lora a ${l}`, layer.a.shape, a),
        b: gpu.upload(`lora b ${l}`, layer.b.shape, b),
      };
      adapter.push(placed);
      return placed;
    }),
  );
}

/**
 * Merges a LoRA into the weights of its decoder, in place, and frees it: from then on they are used without. Each sum is
 * rounded to the nearest of the type that the weight is stored in, so it is off by at most half a unit in the last place:
 * 2⁻²⁴ of its size in f32, 2⁻¹¹ in f16 (2⁻²⁵ below 2⁻¹⁴), 2⁻⁸ in bf16.
 *
 * @param layers the decoder's, whose qkv [(H + 2·K)·D, C] is f32, f16 or bf16
 * @throws GpuError when the two do not fit each other
 */
export function mergeLora(gpu: Gpu, layers: readonly { readonly qkv: Tensor }[], lora: Lora): void {
  if (layers.length !== lora.length)
    throw new GpuError(`mergeLora: expected a LoRA of ${layers.length} layers, got one of ${lora.length}`);
  using ops = new EagerOps(gpu, "merge LoRA");
  for (const [l, { a, b }] of lora.entries()) loraMerge(ops, layers[l]!.qkv, a, b);
  ops.submit();
  for (const { a, b } of lora) for (const tensor of [a, b]) tensor.dispose();
}

/** Loading that ends on the host: an adapter is small, and is put together here. */
const host = {
  tensor: (_label: string, shape: readonly number[], dtype: DType) => new HostTensor(shape, dtype),
  write: (tensor: HostTensor, bytes: Uint8Array, offset = 0) => tensor.bytes.set(bytes, offset),
  drain: async () => {},
};

class HostTensor {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #length: number;
  readonly #dtype: DType;

  constructor(shape: readonly number[], dtype: DType) {
    this.#length = shape.reduce((n, size) => n * size, 1);
    this.#dtype = dtype;
    this.bytes = new Uint8Array(Math.ceil((this.#length * BYTES[dtype]) / 4) * 4); // whole words are written
  }

  values(): Float32Array {
    return toF32(this.bytes, this.#dtype.toUpperCase() as StoredDType).subarray(0, this.#length);
  }

  dispose(): void {}
}
