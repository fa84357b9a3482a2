import type { Gpu } from "../gpu/index.ts";
import type { Checkpoint } from "../io/checkpoint.ts";
import type { Folder } from "../io/source.ts";
import { AudioLanguageModel, type Family } from "./audio-model.ts";
import { orDispose } from "./dispose-tree.ts";
import { ConfigError } from "./fields.ts";
import type { LoraPlace } from "./lora.ts";
import { FAMILIES, familyOf, modelConfig } from "./model-config.ts";
import { openModelFiles } from "./open-model.ts";
import { loadQwen2Audio } from "./qwen2-audio-family.ts";
import { loadSalmonn } from "./salmonn-family.ts";

export interface LoadModelOptions {
  /** Bytes of weights so far and in all; of one file while a server that has no parts to give sends it whole. */
  onProgress?: (loadedBytes: number, totalBytes: number) => void;
  signal?: AbortSignal;
  /**
   * What becomes of the LoRA that a model has: it stays beside the weights, as it was trained, or is merged into them, which
   * saves two small products a layer and rounds to the type they are stored in (see `mergeLora`). "beside" by default.
   */
  lora?: LoraPlace;
}

/**
 * Loads an audio language model from a Hugging Face folder (a directory, an http(s) URL of one, or a `Folder`), or SALMONN
 * from the files that its authors' YAML configuration names (see `openModelFiles`).
 *
 * @throws ConfigError, CheckpointError, SafetensorsError, TorchFileError, ZipError, PickleError, SourceError, TokenizerError
 *   or ChatTemplateError, each naming what is missing or wrong; GpuError when the device cannot hold it; the signal's reason on abort
 */
export async function loadModel(
  gpu: Gpu,
  from: string | Folder,
  options: LoadModelOptions = {},
): Promise<AudioLanguageModel> {
  const { name, config, checkpoint, texts } = await openModelFiles(from, options);
  try {
    const print = checkpoint.fingerprint();
    print.catch(() => {}); // it is awaited once the family is there to be disposed
    const family = await loadFamily(gpu, name, texts, config, checkpoint, options);
    return await orDispose(family, async () => new AudioLanguageModel(family, name, await print));
  } catch (error) {
    gpu.trim();
    throw error;
  } finally {
    await checkpoint.close();
  }
}

function loadFamily(
  gpu: Gpu,
  name: string,
  texts: Folder,
  config: string,
  checkpoint: Checkpoint,
  options: LoadModelOptions,
): Promise<Family> {
  const known = modelConfig(config);
  if (known?.family === "qwen2_audio") return loadQwen2Audio(gpu, texts, known.config, checkpoint, options);
  if (known?.family === "salmonn") return loadSalmonn(gpu, texts, known.config, checkpoint, options);
  throw new ConfigError(
    `${name}/config.json: expected model_type ${FAMILIES.join(" or ")}, got ${JSON.stringify(familyOf(config))}; ` +
      "this engine has no such family",
  );
}
