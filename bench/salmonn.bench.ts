import { type LlamaConfig, llama, llamaParams, loraParams } from "../src/index.ts";
import { BATCHES, measureDecoding, NEW } from "./decode.bench.ts";
import type { Bench } from "./harness.ts";
import { measureLearning } from "./learn.bench.ts";
import { learning } from "./learning.ts";
import { matrixElements, synthetic, weightBytes } from "./synthetic.ts";

const RANK = 8; // of LoRA
const EXAMPLES = 4; // of a learning step

/**
 * SALMONN's decoder as a whole, all its layers in f16 and its LoRA beside them, made up on the GPU: answers from a prompt of
 * the length that 30 s of sound and an instruction have, and steps of learning a mask.
 */
export default async function salmonn(b: Bench): Promise<void> {
  const { layers, width, ffn, heads, headDim, vocab, tokens } = b.sizes;
  const inner = heads * headDim;
  const config: LlamaConfig = {
    vocab,
    width,
    ffn,
    layers,
    heads,
    kvHeads: heads,
    headDim,
    eps: 1e-6,
    ropeTheta: 10_000,
    maxPositions: 2048,
    tied: false,
    stop: [],
  };
  const params = llamaParams(config);
  const adapter = loraParams({ rank: RANK }, config).made;
  const name = `SALMONN of ${layers} layers, C ${width}`;
  // Of every token of the largest batch its keys and values, and what a layer computes; a learning step holds less.
  const work = 4 * Math.max(...BATCHES) * (tokens + NEW) * (2 * layers * inner + 8 * width + 4 * ffn);
  await b.fitting(async () => {
    const weights = await synthetic(b, name, params, "f16", work);
    const lora = await synthetic(b, `${name}: LoRA`, adapter, "f32", 0);
    const lm = llama(b.gpu, config, weights, lora);
    const read = weightBytes({ ...params, embed: [] }, "f16") + weightBytes(adapter, "f32"); // by a step
    await measureDecoding(b, name, lm, read, tokens);
    const elements = matrixElements(params.layers);
    await measureLearning(b, name, learning(lm, elements, EXAMPLES, tokens), { recomputed: 0 });
  });
}
