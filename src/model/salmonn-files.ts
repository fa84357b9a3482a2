/** SALMONN from the files that its authors publish, which a YAML configuration names. */
import { openFolder } from "#files";
import { type Checkpoint, openCheckpoint, openCheckpointFile } from "../io/checkpoint.ts";
import { joinCheckpoints, type Share } from "../io/join.ts";
import { splitPath, subfolder } from "../io/path.ts";
import { type Folder, SourceError } from "../io/source.ts";

import { ConfigError, Fields } from "./fields.ts";
import { isRotaryTable } from "./llama.ts";
import { isBesideBeats } from "./load-beats.ts";
import { loraName } from "./lora-names.ts";
import type { ModelFiles } from "./open-model.ts";
import { salmonnConfig } from "./salmonn-config.ts";
import { checkFit } from "./salmonn-fit.ts";

/** Where a YAML file lies. */
export interface YamlPlace {
  readonly folder: Folder;
  readonly file: string;
  /** The folder's path or URL; absent where it is known by its files alone. */
  readonly location?: string;
}

const PATHS = ["llama_path", "whisper_path", "beats_path", "ckpt"] as const;

/** Keys of `model` that say how the model hears and answers: config.json has them too. */
const KEPT = [
  "use_speech_Qformer",
  "window_level_Qformer",
  "num_speech_query_token",
  "second_per_window",
  "second_stride",
  "lora",
  "lora_rank",
  "lora_alpha",
  "prompt_template",
  "end_sym",
  "qformer_config",
];

/** Keys that say how it is trained or evaluated. The mask of `weight_mask_path` is not put on: a question names its own. */
const UNUSED = {
  model:
    "freeze_whisper freeze_beats freeze_speech_QFormer freeze_speech_llama_proj speech_llama_proj_model lora_dropout multi_prompt prompt_path test_prompt_path max_txt_len low_resource device_8bit autocast_dtype use_gumbel gumbel_hard norm_lambda weight_mask_path shuffle_mask",
  file: "datasets run batch_size_eval num_workers test_data_path output_path prompt prob_threshold",
};

const GENERATE =
  "max_new_tokens num_beams do_sample min_length temperature top_p repetition_penalty length_penalty".split(
    " ",
  );

/**
 * Opens all parts and reads their headers: one config and one checkpoint, as `ahamask convert` writes them (see
 * `salmonnConfig` and `salmonnParams`).
 * @throws ConfigError for what is missing, unknown or wrong in the YAML, and for a part that is not there; CheckpointError
 *   and what a file that is not sound gives (see `openCheckpointFile`)
 */
export async function openSalmonnFiles(place: YamlPlace): Promise<ModelFiles> {
  const name = `${place.folder.name.replace(/\/+$/, "")}/${place.file}`;
  const yaml = await readYaml(name, await place.folder.text(place.file));
  const opened: Checkpoint[] = [];
  const open = async <C extends Checkpoint>(checkpoint: Promise<C>): Promise<C> => {
    opened.push(await checkpoint);
    return checkpoint;
  };
  try {
    const find = (key: keyof typeof yaml.paths, file?: string) =>
      findPart(name, place, key, yaml.paths[key], file);
    const whisper = await find("whisper_path", "config.json");
    const llama = await find("llama_path", "config.json");
    const beats = await find("beats_path");
    const ckpt = await find("ckpt");
    const beatsFile = await open(openCheckpointFile(beats.folder, beats.file));
    const shares: Share[] = [
      { checkpoint: await open(openCheckpoint(whisper.folder)), rename: whisperName },
      { checkpoint: beatsFile, rename: beatsName },
      { checkpoint: await open(openCheckpoint(llama.folder)), rename: llamaName },
      { checkpoint: await open(openCheckpointFile(ckpt.folder, ckpt.file)), rename: salmonnName },
    ];
    const fields = {
      model_type: "salmonn",
      speech_config: await configOf(whisper.folder),
      beats_config: beatsConfigOf(beatsFile.name, beatsFile.extra.get("cfg")),
      text_config: await configOf(llama.folder),
      ...yaml.config,
    };
    const config = JSON.stringify(fields, null, 2);
    const checkpoint = joinCheckpoints(name, shares);
    checkFit(checkpoint, salmonnConfig(config, name));
    return { name, config, checkpoint, texts: llama.folder };
  } catch (error) {
    await Promise.all(opened.map((checkpoint) => checkpoint.close()));
    throw error;
  }
}

async function readYaml(name: string, text: string) {
  const { parse } = await import("yaml");
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new ConfigError(`${name}: expected YAML, got ${(error as Error).message}; correct the file`);
  }
  const f = Fields.of(value, name);
  f.known(["model", "generate", ...UNUSED.file.split(" ")]);
  const model = f.child("model");
  model.known([...PATHS, ...KEPT, ...UNUSED.model.split(" ")]);
  const generate = f.child("generate");
  generate.known(GENERATE);
  const paths = Object.fromEntries(PATHS.map((key) => [key, model.text(key)]));
  for (const key of PATHS) model.conflict(model.has(key) && paths[key] === "", key, "a path", "");
  f.check();
  const config = { ...model.pick(KEPT), generate: generate.pick(GENERATE) };
  return { paths: paths as Record<(typeof PATHS)[number], string>, config };
}

/**
 * A part's folder, and the file in it that must be there. A relative path counts from the YAML's folder or, as in the
 * reference, from the working directory.
 */
async function findPart(
  name: string,
  place: YamlPlace,
  key: string,
  path: string,
  inside?: string,
): Promise<{ folder: Folder; file: string }> {
  const [directory, file] = inside === undefined ? splitPath(path) : [path, inside];
  const reasons: string[] = [];
  for (const folder of placesOf(place, directory)) {
    try {
      if (await folder.has(file)) return { folder, file };
      reasons.push(`none in ${folder.name}`);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new ConfigError(
    `${name}: model.${key}: expected ${file} at '${path}', got ${reasons.join("; ")}; download it, and write where it is`,
  );
}

function placesOf({ folder, location }: YamlPlace, path: string): Folder[] {
  if (/^https?:\/\//.test(path)) return [openFolder(path)];
  if (location === undefined) return [subfolder(folder, path)];
  if (/^https?:\/\//.test(location)) return [openFolder(new URL(path || ".", folder.name).href)];
  if (/^([a-z]:)?[\\/]/i.test(path)) return [openFolder(path)];
  return [openFolder(`${location}/${path}`), openFolder(path || ".")];
}

/** Whisper's encoder; its decoder is not used. */
function whisperName(name: string): string | undefined {
  const [, inner] = /^(?:model\.)?encoder\.(.*)$/.exec(name) ?? [];
  return inner && `speech_encoder.${inner}`;
}

const beatsName = (name: string): string | undefined => (isBesideBeats(name) ? undefined : `beats.${name}`);

const llamaName = (name: string): string | undefined =>
  isRotaryTable(name) ? undefined : `llama_model.${name}`;

/** The connector and LoRA, without what is computed or unused. Whoever trained other parts too has them twice: an error. */
function salmonnName(name: string): string | undefined {
  const [, part, inner] = /^(llama_model|beats)\.(.*)$/.exec(name) ?? [];
  if (part === "llama_model") return llamaName(loraName(inner!));
  if (part === "beats") return beatsName(inner!);
  return name === "speech_Qformer.bert.embeddings.position_ids" ? undefined : name;
}

const configOf = async (folder: Folder): Promise<unknown> =>
  Fields.parse(await folder.text("config.json"), `${folder.name}/config.json`).json;

/** What torch.save wrote as `cfg` beside BEATs' weights. */
function beatsConfigOf(name: string, cfg: unknown): unknown {
  if (cfg instanceof Map) {
    const odd = [...cfg].find(([, value]) => !["string", "number", "boolean"].includes(typeof value));
    if (!odd) return Object.fromEntries(cfg);
    throw new ConfigError(
      `${name}: expected a plain value of cfg.${String(odd[0])}, got another; get the file again`,
    );
  }
  throw new ConfigError(
    `${name}: expected a BEATs checkpoint with its 'cfg', got none; get BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt`,
  );
}
