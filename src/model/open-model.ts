import { openFolder } from "#files";
import { type Checkpoint, openCheckpoint } from "../io/checkpoint.ts";
import { folderWith, splitPath } from "../io/path.ts";
import type { Folder, OpenOptions } from "../io/source.ts";
import { ConfigError } from "./fields.ts";
import { openSalmonnFiles } from "./salmonn-files.ts";

/** A model's files, however it was published; headers are read, weights are not. */
export interface ModelFiles {
  /** Path or URL. */
  readonly name: string;
  /** The text of its config.json. */
  readonly config: string;
  /** To be closed by whoever opened it. */
  readonly checkpoint: Checkpoint;
  /** Where tokenizer, chat template and generation_config.json are. */
  readonly texts: Folder;
}

const YAML = "config.yaml";

/**
 * Opens a Hugging Face folder (a directory, an http(s) URL, or a `Folder`), or what a YAML configuration of SALMONN's
 * authors names: the path or URL of the `.yaml`, or a folder with config.yaml and no config.json.
 * @throws ConfigError, CheckpointError, SafetensorsError, TorchFileError, ZipError, PickleError, SourceError; the signal's
 *   reason on abort
 */
export async function openModelFiles(from: string | Folder, options: OpenOptions = {}): Promise<ModelFiles> {
  if (typeof from === "string") {
    const [location, file] = splitPath(from);
    if (/\.ya?ml$/i.test(file))
      return openSalmonnFiles({ folder: openFolder(location || "."), file, location: location || "." });
    if (/\.(pth?|bin|safetensors)$/i.test(file))
      throw new ConfigError(
        `model: expected a folder with config.json, or SALMONN's .yaml, got the file '${from}'; pass what it belongs to`,
      );
  }
  const folder = folderWith(typeof from === "string" ? openFolder(from) : from, options);
  if (!(await folder.has("config.json")) && (await folder.has(YAML)))
    return openSalmonnFiles({ folder, file: YAML, ...(typeof from === "string" && { location: from }) });
  const config = await folder.text("config.json");
  return { name: folder.name, config, checkpoint: await openCheckpoint(folder), texts: folder };
}
