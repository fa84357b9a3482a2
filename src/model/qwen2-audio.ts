import type { Tensor } from "../gpu/index.ts";
import { type Loaded, matrix, vector } from "../io/load.ts";
import type { Ops } from "../kernels/index.ts";
import { ConfigError, Fields } from "./fields.ts";
import { type Qwen2Config, qwen2Config, qwen2Params } from "./qwen2.ts";
import {
  type MelClip,
  type WhisperConfig,
  whisperConfig,
  whisperLayers,
  whisperNorm,
  whisperParams,
} from "./whisper.ts";

/** Qwen2-Audio (arXiv 2407.10759): a Whisper encoder, average pooling, a projection, and a Qwen2 decoder. */
export interface Qwen2AudioConfig {
  readonly audio: WhisperConfig;
  readonly text: Qwen2Config;
  readonly audioToken: number; // id of <|AUDIO|>
  readonly stop: readonly number[]; // ids that end an answer, where generation_config.json has none
}

/** What transformers' Qwen2AudioEncoderConfig takes for fields that a config.json omits. */
const AUDIO_DEFAULTS: WhisperConfig = {
  mels: 128,
  width: 1280,
  layers: 32,
  heads: 20,
  ffn: 5120,
  positions: 1500,
};

/** From the text of a config.json. Throws ConfigError naming every missing or wrong field. */
export function qwen2AudioConfig(json: string): Qwen2AudioConfig {
  const f = Fields.parse(json, "config.json");
  const type = f.text("model_type");
  if (type && type !== "qwen2_audio") {
    throw new ConfigError(`config.json: expected model_type "qwen2_audio", got ${JSON.stringify(type)}`);
  }
  const text = f.child("text_config");
  const audioKey = f.has("audio_token_id") ? "audio_token_id" : "audio_token_index";
  const config = {
    audio: whisperConfig(f.child("audio_config"), AUDIO_DEFAULTS),
    text: qwen2Config(text),
    audioToken: f.id(audioKey, 151_646),
    stop: text.ids("eos_token_id"),
  };
  const { vocab } = config.text;
  f.conflict(config.audioToken >= vocab, audioKey, `a token below vocab_size ${vocab}`, config.audioToken);
  f.check();
  return config;
}

/** All parameters, by the names that the published files use. */
export const qwen2AudioParams = (c: Qwen2AudioConfig) => ({
  audio: whisperParams(c.audio, "audio_tower."),
  projector: {
    weight: matrix("multi_modal_projector.linear.weight", [c.text.width, c.audio.width]),
    bias: vector("multi_modal_projector.linear.bias", c.text.width),
  },
  text: qwen2Params(c.text, "language_model."),
});

/** Tensors of the checkpoint that are not of `qwen2AudioParams`: a copy of tied embeddings, which some files keep. */
export const isBesideQwen2Audio = ({ text }: Pick<Qwen2AudioConfig, "text">, name: string): boolean =>
  text.tied && name === "language_model.lm_head.weight";

export type Qwen2AudioWeights = Loaded<ReturnType<typeof qwen2AudioParams>>;

/** Newer transformers write the names with another nesting; this gives the published ones. */
export function publishedName(name: string): string {
  return name
    .replace(/^model\.language_model\./, "language_model.model.")
    .replace(/^lm_head\./, "language_model.lm_head.")
    .replace(/^model\.(audio_tower|multi_modal_projector)\./, "$1.");
}

/** Encoder positions of so many mel frames. */
export const encoderLength = (frames: number): number => Math.floor((frames - 1) / 2) + 1;

/** Audio tokens of so many encoder positions; 0 for a clip too short to fill one. */
export const audioTokens = (length: number): number => Math.max(0, Math.floor((length - 2) / 2) + 1);

/**
 * The audio side: encoder, pooling by 2, last norm, projection.
 *
 * @returns the clips' audio tokens in a packed batch [Σ audioTokens(length), C of the decoder]
 */
export function encodeClips(
  ops: Ops,
  c: Qwen2AudioConfig,
  w: Qwen2AudioWeights,
  clips: readonly MelClip[],
): Tensor {
  const x = whisperLayers(ops, c.audio, w.audio, clips);
  let at = 0;
  const pairs = clips.flatMap(({ length }) => {
    const first = Array.from({ length: audioTokens(length) }, (_, i) => at + 2 * i);
    at += length;
    return first;
  });
  const pooled = ops.avgPool(x, ops.upload("pairs", [pairs.length], new Uint32Array(pairs)));
  const normed = whisperNorm(ops, w.audio, pooled);
  return ops.matmul(normed, w.projector.weight, { bias: w.projector.bias });
}
