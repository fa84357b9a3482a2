import { SAMPLE_RATE } from "../audio/load.ts";
import { logMel, melFrames } from "../audio/log-mel.ts";
import type { Gpu } from "../gpu/index.ts";
import type { Checkpoint } from "../io/checkpoint.ts";
import { type LoadOptions, loadWeights } from "../io/load.ts";
import type { Folder } from "../io/source.ts";
import type { Ops } from "../kernels/index.ts";
import { CHAT_FILES, ChatTemplate } from "../text/chat.ts";
import { buildPrompt } from "../text/prompt.ts";
import { Tokenizer } from "../text/tokenizer.ts";
import type { Family } from "./audio-model.ts";
import { disposeTree } from "./dispose-tree.ts";
import { Fields } from "./fields.ts";
import { qwen2 } from "./qwen2.ts";
import {
  audioTokens,
  encodeClips,
  encoderLength,
  isBesideQwen2Audio,
  publishedName,
  type Qwen2AudioConfig,
  type Qwen2AudioWeights,
  qwen2AudioParams,
} from "./qwen2-audio.ts";
import { melRows } from "./whisper.ts";

export const MAX_NEW_TOKENS = 256; // where generation_config.json names none

/** Qwen2-Audio from its Hugging Face folder: config, tokenizer, chat template, then the weights. */
export async function loadQwen2Audio(
  gpu: Gpu,
  folder: Folder,
  config: Qwen2AudioConfig,
  checkpoint: Checkpoint,
  options: Pick<LoadOptions, "onProgress" | "signal">,
): Promise<Family> {
  const read = async (file: string) => ((await folder.has(file)) ? folder.text(file) : undefined);
  const tokenizer = Tokenizer.fromJson(await read("tokenizer.json"), await read("tokenizer_config.json"));
  const templates = await Promise.all(CHAT_FILES.map(async (file) => [file, await read(file)] as const));
  const template = ChatTemplate.fromFiles(Object.fromEntries(templates));
  const generation = Fields.parse((await read("generation_config.json")) ?? "{}", "generation_config.json");
  const stop = generation.has("eos_token_id") ? generation.ids("eos_token_id") : config.stop;
  const maxNewTokens = generation.size("max_new_tokens", MAX_NEW_TOKENS);
  generation.check();
  const audioToken = tokenizer.decode([config.audioToken], { special: true });
  const w = await loadWeights(gpu, checkpoint, qwen2AudioParams(config), {
    ...options,
    rename: publishedName,
    ignore: (name) => isBesideQwen2Audio(config, name),
  });
  const frames = 2 * config.audio.positions;
  return {
    lm: qwen2(gpu, config.text, w.text),
    tokenizer,
    windowSeconds: (frames * 160) / SAMPLE_RATE,
    channels: "mean",
    generation: { stop, maxNewTokens },
    prompt: (clips, text, system) =>
      buildPrompt(tokenizer, template, { clips, text, audioToken, ...(system !== undefined && { system }) }),
    audioTokens: (samples) => audioTokens(encoderLength(melFrames(samples))),
    encodedSamples: (samples) => samples,
    encode: (ops, clips) => encodeSamples(ops, config, w, clips),
    dispose: () => disposeTree(w),
  };
}

/** Clips of 16 kHz mono → their audio tokens' embeddings, packed [Σ tokens, C]. */
export function encodeSamples(
  ops: Ops,
  c: Qwen2AudioConfig,
  w: Qwen2AudioWeights,
  clips: readonly Float32Array[],
) {
  const frames = 2 * c.audio.positions;
  const mels = clips.map((samples) => {
    const length = encoderLength(melFrames(samples.length));
    const rows = melRows(length, frames);
    const mel = logMel(samples, { mels: c.audio.mels, frames }).subarray(0, rows * c.audio.mels);
    return { mel: ops.upload("mel", [rows, c.audio.mels], mel), length };
  });
  return encodeClips(ops, c, w, mels);
}
