/** Random weights by the names and shapes that a model declares, drawn so that activations keep their size. */
import { leaves, type Tree } from "../src/io/params.ts";
import { f32ToF16 } from "../src/io/values.ts";
import { TensorSource } from "./torch-writer.ts";

export type Tensors = ReadonlyMap<string, TensorSource>;

/** A tensor for each that the tree's parameters are stored in; those of a fused parameter are equally tall. */
export function randomTensors(tree: Tree, dtype: "F32" | "F16", seed: number): Tensors {
  const tensors = new Map<string, TensorSource>();
  for (const { parts, shape } of leaves(tree).keys())
    for (const part of parts) {
      const rows = shape[0]! / parts.length;
      if (part.name !== null)
        tensors.set(
          part.name,
          randomTensor(
            part.name,
            part.shape.map((n) => n ?? rows),
            dtype,
            seed,
          ),
        );
    }
  return tensors;
}

/** The same numbers for the same name, shape and seed. */
export function randomTensor(
  name: string,
  shape: readonly number[],
  dtype: "F32" | "F16",
  seed: number,
): TensorSource {
  const { mean, deviation } = spread(name, shape);
  return new TensorSource(dtype, shape, function* () {
    const uniform = generator(`${seed} ${name}`);
    const value = () => mean + deviation * Math.sqrt(3) * (2 * uniform() - 1);
    for (let left = shape.reduce((n, d) => n * d, 1); left > 0; left -= PIECE) {
      const many = { length: Math.min(left, PIECE) };
      const piece =
        dtype === "F32" ? Float32Array.from(many, value) : Uint16Array.from(many, () => f32ToF16(value()));
      yield new Uint8Array(piece.buffer);
    }
  });
}

const PIECE = 2 ** 18; // elements

/** Norms multiply by 1; what is looked up, not multiplied, has numbers of size 1; a sum of n products keeps its size. */
function spread(name: string, shape: readonly number[]): { mean: number; deviation: number } {
  if (/\.(weight_g|grep_a)$/.test(name) || (shape.length === 1 && name.endsWith(".weight")))
    return { mean: 1, deviation: 0 };
  if (name.endsWith(".bias")) return { mean: 0, deviation: 0.1 };
  if (/embed_(tokens|positions)|query_tokens/.test(name)) return { mean: 0, deviation: 1 };
  if (/lora_B/.test(name)) return { mean: 0, deviation: 1 / 32 }; // so that a LoRA adds about a third of what is there
  return { mean: 0, deviation: 1 / Math.sqrt(shape.slice(1).reduce((n, d) => n * d, 1)) };
}

/** Uniform numbers in [0, 1) (mulberry32), seeded by a text (FNV-1a). */
function generator(seed: string): () => number {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(seed)) state = Math.imul(state ^ byte, 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
