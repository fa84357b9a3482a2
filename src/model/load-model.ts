import type { Gpu } from "../gpu/index.ts";
import type { Folder } from "../io/source.ts";
import { AudioLanguageModel } from "./audio-model.ts";
import { ConfigError, Fields } from "./fields.ts";
import { openModelFiles } from "./open-model.ts";
import { loadQwen2Audio } from "./qwen2-audio-family.ts";
import { loadSalmonn } from "./salmonn-family.ts";

export interface LoadModelOptions {
  /** Bytes of weights so far and in all. */
  onProgress?: (loadedBytes: number, totalBytes: number) => void;
  signal?: AbortSignal;
}

/** The families by their `model_type` in config.json. */
const FAMILIES = { qwen2_audio: loadQwen2Audio, salmonn: loadSalmonn };

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
  const { name, config, checkpoint, texts } = await openModelFiles(from);
  try {
    const [family, fingerprint] = await Promise.all([
      familyOf(name, config)(gpu, texts, config, checkpoint, options),
      checkpoint.fingerprint(),
    ]);
    return new AudioLanguageModel(family, name, fingerprint);
  } catch (error) {
    gpu.trim();
    throw error;
  } finally {
    await checkpoint.close();
  }
}

function familyOf(name: string, config: string) {
  const fields = Fields.parse(config, "config.json");
  const type = fields.text("model_type");
  fields.check();
  const load = Object.entries(FAMILIES).find(([known]) => known === type)?.[1];
  if (load) return load;
  throw new ConfigError(
    `${name}/config.json: expected model_type ${Object.keys(FAMILIES).join(" or ")}, got ${JSON.stringify(type)}; ` +
      "this engine has no such family",
  );
}
