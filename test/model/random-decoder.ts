import type { Gpu, Tensor } from "../../src/gpu/index.ts";
import type { LanguageModel } from "../../src/model/language-model.ts";
import { type Qwen2Config, type Qwen2Weights, qwen2 } from "../../src/model/qwen2.ts";
import { normals } from "../reference/check.ts";

/** A Qwen2 decoder of random weights, of a size at which every layer's attention and feed-forward matter. */
export function randomDecoder(gpu: Gpu, c: Qwen2Config): LanguageModel & Disposable {
  const all: Tensor[] = [];
  let seed = 0;
  const keep = (label: string, shape: readonly number[], values: Float32Array) => {
    const tensor = gpu.upload(label, shape, values);
    all.push(tensor);
    return tensor;
  };
  const matrix = (label: string, rows: number, columns: number) =>
    keep(
      label,
      [rows, columns],
      Float32Array.from(normals(rows * columns, ++seed), (v) => v / Math.sqrt(columns)),
    );
  const vector = (label: string, length: number, value: number) =>
    keep(label, [length], new Float32Array(length).fill(value));
  const [q, kv] = [c.heads * c.headDim, c.kvHeads * c.headDim];
  const weights: Qwen2Weights = {
    embed: matrix("embed", c.vocab, c.width),
    layers: Array.from({ length: c.layers }, () => ({
      attnNorm: vector("norm", c.width, 1),
      qkv: matrix("qkv", q + 2 * kv, c.width),
      qkvBias: vector("bias", q + 2 * kv, 0),
      o: matrix("o", c.width, q),
      ffnNorm: vector("norm", c.width, 1),
      gateUp: matrix("gate, up", 2 * c.ffn, c.width),
      down: matrix("down", c.width, c.ffn),
    })),
    norm: vector("norm", c.width, 1),
    head: matrix("head", c.vocab, c.width),
  };
  return {
    ...qwen2(gpu, c, weights),
    [Symbol.dispose]() {
      for (const tensor of all) tensor.dispose();
    },
  };
}
