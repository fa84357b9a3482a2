import type { Tensor } from "../gpu/index.ts";
import { type Loaded, matrix, vector } from "../io/load.ts";
import type { Ops } from "../kernels/index.ts";
import { type QformerConfig, qformer, qformerParams } from "./qformer.ts";

/**
 * How SALMONN (arXiv 2310.13289) joins its parts: what Whisper (speech) and BEATs (audio) hear goes side by side
 * through a window-level Q-Former and a projection to tokens of the decoder.
 */
export interface SalmonnConfig {
  readonly speechWidth: number; // of Whisper's encoder
  readonly audioWidth: number; // of BEATs
  readonly width: number; // C, of the decoder
  readonly window: number; // frames of a window
  readonly stride: number; // frames from one window to the next
  readonly qformer: QformerConfig; // its frameWidth is speechWidth + audioWidth
}

const EPS = 1e-5;

/** Frames in so many seconds: Whisper's encoder has 1500 in its 30 s. */
export const secondsToFrames = (seconds: number): number => Math.round((1500 * seconds) / 30);

/** The parameters by their names in SALMONN's checkpoint, which has a LoRA for the decoder besides (see `loadLora`). */
export function salmonnParams(c: SalmonnConfig) {
  const norm = (name: string, width: number) => ({
    weight: vector(`${name}.weight`, width),
    bias: vector(`${name}.bias`, width),
  });
  return {
    speechNorm: norm("ln_speech", c.speechWidth),
    audioNorm: norm("ln_audio", c.audioWidth),
    qformer: qformerParams(c.qformer, "speech_Qformer.bert.", "speech_query_tokens"),
    projector: {
      weight: matrix("speech_llama_proj.weight", [c.width, c.qformer.width]),
      bias: vector("speech_llama_proj.bias", c.width),
    },
  };
}

/** Tensors of the checkpoint that are not of `salmonnParams`: the decoder's, BEATs' and BERT's numbered positions. */
export const isBesideSalmonn = (name: string): boolean =>
  /^(llama_model|beats)\.|^speech_Qformer\.bert\.embeddings\.position_ids$/.test(name);

export type SalmonnWeights = Loaded<ReturnType<typeof salmonnParams>>;

/** Windows that so many frames fill: the tokens of a clip. Frames after the last whole window are dropped. */
export const windowCount = ({ window, stride }: SalmonnConfig, frames: number): number =>
  Math.max(0, Math.floor((frames - window) / stride) + 1);

/**
 * A clip's tokens. The stream that ends earlier is followed by zeros, behind its norm as in the reference.
 *
 * @param speech [Ts, speechWidth] f32, of Whisper's encoder
 * @param audio [Ta, audioWidth] f32, of BEATs
 * @returns [windowCount(max(Ts, Ta)), C] f32
 */
export function speechTokens(
  ops: Ops,
  c: SalmonnConfig,
  w: SalmonnWeights,
  speech: Tensor,
  audio: Tensor,
): Tensor {
  const frames = ops.concatChannels(
    ops.layerNorm(speech, w.speechNorm.weight, w.speechNorm.bias, EPS),
    ops.layerNorm(audio, w.audioNorm.weight, w.audioNorm.bias, EPS),
  );
  const first = Array.from({ length: windowCount(c, frames.rows) }, (_, i) => i * c.stride);
  const x = qformer(ops, c.qformer, w.qformer, frames, first, c.window);
  return ops.matmul(x, w.projector.weight, { bias: w.projector.bias });
}
