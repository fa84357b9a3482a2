import type { Gpu } from "../gpu/index.ts";
import type { Checkpoint } from "../io/checkpoint.ts";
import { type LoadOptions, loadWeights } from "../io/load.ts";
import { type BeatsConfig, type BeatsWeights, beatsParams, type StoredBeats } from "./beats.ts";
import { orDispose } from "./dispose-tree.ts";

/** Tensors of a checkpoint that are not used: the classifier, and copies of the first layer's table. */
export const isBesideBeats = (name: string): boolean =>
  name.startsWith("predictor.") ||
  /^encoder\.layers\.[1-9]\d*\.self_attn\.relative_attention_bias\./.test(name);

/**
 * Loads the weights of a BEATs checkpoint (`beats.pt`, or its tensors in safetensors).
 * @throws CheckpointError for what is missing, extra, mis-shaped or NaN; SourceError; the signal's reason on abort
 */
export async function loadBeats(
  gpu: Gpu,
  checkpoint: Checkpoint,
  c: BeatsConfig,
  options: Omit<LoadOptions, "rename" | "ignore"> = {},
): Promise<BeatsWeights> {
  const stored = await loadWeights(gpu, checkpoint, beatsParams(c), { ...options, ignore: isBesideBeats });
  return orDispose(stored, () => withPositions(gpu, c, stored));
}

/** The same with the weight of the convolution over positions made of its direction and length, which are disposed. */
export async function withPositions(gpu: Gpu, c: BeatsConfig, stored: StoredBeats): Promise<BeatsWeights> {
  const { v, g, bias } = stored.positions;
  const weight = weightNorm(c, await gpu.readF32(v), await gpu.readF32(g));
  v.dispose();
  g.dispose();
  return {
    ...stored,
    positions: { weight: gpu.upload("positions.weight", [c.width, weight.length / c.width], weight), bias },
  };
}

/** w[o, tap, i] = g[tap] · v[o, i, tap] / ‖v[·, ·, tap]‖ (arXiv 1602.07868, with one norm for each tap). */
function weightNorm({ width, groups, taps }: BeatsConfig, v: Float32Array, g: Float32Array): Float32Array {
  const squares = new Float64Array(taps);
  for (let i = 0; i < v.length; i++) squares[i % taps]! += v[i]! ** 2;
  const scale = squares.map((sum, tap) => g[tap]! / Math.sqrt(sum));
  const inputs = width / groups;
  const w = new Float32Array(v.length);
  for (let o = 0; o < width; o++)
    for (let tap = 0; tap < taps; tap++)
      for (let i = 0; i < inputs; i++)
        w[(o * taps + tap) * inputs + i] = scale[tap]! * v[(o * inputs + i) * taps + tap]!;
  return w;
}
