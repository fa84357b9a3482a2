import { openFolder } from "#files";
import { type Checkpoint, openCheckpointFile } from "../io/checkpoint.ts";
import type { FloatDType } from "../io/convert-values.ts";
import { splitPath } from "../io/path.ts";
import { readRange } from "../io/safetensors.ts";
import type { Folder } from "../io/source.ts";
import { openModelFiles } from "../model/open-model.ts";

/** What is converted. */
export interface ConvertSource {
  /** To be closed by whoever opened it. */
  readonly checkpoint: Checkpoint;
  /** By name, config.json last; none beside a file of weights. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** What may stand beside weights and config.json, as transformers names it. */
const BESIDE = [
  "generation_config.json",
  "preprocessor_config.json",
  "processor_config.json",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "chat_template.json",
  "chat_template.jinja",
  "LICENSE",
];

/**
 * Opens one file of weights, or a model's files (see `openModelFiles`) and those beside them.
 *
 * @param dtype what the weights will be, and so config.json says
 * @throws what opening throws, for what is missing or not sound
 */
export async function openSource(from: string, dtype: FloatDType | undefined): Promise<ConvertSource> {
  if (/\.(pt|pth|bin|safetensors)$/i.test(from)) {
    const [folder, file] = splitPath(from);
    return { checkpoint: await openCheckpointFile(openFolder(folder || "."), file), files: new Map() };
  }
  const { checkpoint, config, texts } = await openModelFiles(from);
  try {
    const files = new Map<string, Uint8Array>();
    for (const name of BESIDE) if (await texts.has(name)) files.set(name, await readWhole(texts, name));
    files.set("config.json", new TextEncoder().encode(withDType(config, dtype)));
    return { checkpoint, files };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

async function readWhole(folder: Folder, file: string): Promise<Uint8Array> {
  const source = await folder.open(file);
  try {
    return await readRange(source, 0, source.size);
  } finally {
    await source.close();
  }
}

const TORCH = { f16: "float16", bf16: "bfloat16", f32: "float32" } as const;

/** The config with what it says of its weights' type put right, every other character as it was. */
const withDType = (config: string, dtype: FloatDType | undefined): string =>
  dtype === undefined
    ? config
    : config.replace(/("(?:torch_)?dtype"\s*:\s*)"[^"]*"/g, (_, key: string) => `${key}"${TORCH[dtype]}"`);
