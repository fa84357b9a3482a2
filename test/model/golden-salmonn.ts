/** The tiny SALMONN of the goldens, part by part. */
import { openFolder } from "#files";
import { locate } from "#fixtures";
import type { Gpu } from "../../src/gpu/index.ts";
import { openCheckpoint, openCheckpointFile } from "../../src/io/checkpoint.ts";
import { loadWeights } from "../../src/io/load.ts";
import { Fields } from "../../src/model/fields.ts";
import type { LanguageModel } from "../../src/model/language-model.ts";
import { isRotaryTable, type LlamaConfig, llama, llamaConfig, llamaParams } from "../../src/model/llama.ts";
import { type LoraConfig, loadLora } from "../../src/model/lora.ts";
import type { Goldens } from "./golden.ts";

export const salmonnFolder = openFolder(locate("test/fixtures/salmonn"));
export const llamaFolder = openFolder(locate("test/fixtures/salmonn/llama"));
export const LORA: LoraConfig = { rank: 2, alpha: 8 }; // meta.json

export async function goldenLlamaConfig(): Promise<LlamaConfig> {
  const fields = Fields.parse(await llamaFolder.text("config.json"), "config.json");
  const config = llamaConfig(fields);
  fields.check();
  return config;
}

/** The decoder with its LoRA, which the goldens all have; or without. */
export async function loadGoldenLlama(gpu: Gpu, { lora = true } = {}): Promise<LanguageModel> {
  const config = await goldenLlamaConfig();
  const checkpoint = await openCheckpoint(llamaFolder);
  const adapter = await openCheckpointFile(salmonnFolder, "salmonn_v1.pth");
  try {
    const weights = await loadWeights(gpu, checkpoint, llamaParams(config), { ignore: isRotaryTable });
    return llama(gpu, config, weights, lora ? await loadLora(gpu, adapter, LORA, config) : undefined);
  } finally {
    await checkpoint.close();
    await adapter.close();
  }
}

/** Text that the fixture's tokenizer takes for these ids. */
export const spell = (ids: readonly number[]): string => ids.map((id) => `[${id}]`).join("");

/** Values of every mask slot [·, L·(H + 1)] without the last slot of each layer, which no head belongs to. */
export const headsOnly = (slots: Float32Array, heads: number): Float32Array =>
  slots.filter((_, i) => i % (heads + 1) < heads);

/** A golden head mask [L·H]. */
export const maskOf = (golden: Goldens, mask: string, heads: number): Float32Array | undefined =>
  mask === "nomask" ? undefined : headsOnly(golden.f32(`mask.${mask}`), heads);
