import type { Tensor } from "../gpu/index.ts";
import { type Loaded, matrix, vector } from "../io/load.ts";
import type { Ops } from "../kernels/index.ts";
import { type BeatsClip, type BeatsWeights, beats, beatsParams } from "./beats.ts";
import { llamaParams } from "./llama.ts";
import { isLora } from "./lora-names.ts";
import { qformer, qformerParams } from "./qformer.ts";
import type { SalmonnConfig } from "./salmonn-config.ts";
import { type MelClip, type WhisperWeights, whisperLayers, whisperNorm, whisperParams } from "./whisper.ts";

/**
 * SALMONN (arXiv 2310.13289): what Whisper (speech) and BEATs (audio) hear goes side by side through a window-level
 * Q-Former and a projection to tokens of a LLaMA decoder with LoRA.
 */
const EPS = 1e-5;

/** All parameters but LoRA's (see `loadLora`), by the names of SALMONN's own modules. */
export const salmonnParams = (c: SalmonnConfig) => ({
  speech: whisperParams(c.speech, "speech_encoder."),
  audio: beatsParams(c.audio, "beats."),
  connector: connectorParams(c),
  text: llamaParams(c.text, "llama_model."),
});

/** Tensors of the checkpoint that are not of `salmonnParams`: LoRA's, and a copy of tied embeddings. */
export const isBesideSalmonn = ({ text }: Pick<SalmonnConfig, "text">, name: string): boolean =>
  isLora(name) || (text.tied && name === "llama_model.lm_head.weight");

export interface SalmonnEncoder {
  readonly speech: WhisperWeights;
  readonly audio: BeatsWeights;
  readonly connector: ConnectorWeights;
}

type ConnectorConfig = Pick<SalmonnConfig, "window" | "stride" | "qformer"> & {
  readonly [part in "speech" | "audio" | "text"]: { readonly width: number };
};

/** What `salmonn_v1.pth` holds besides LoRA. */
export function connectorParams(c: ConnectorConfig) {
  const norm = (name: string, width: number) => ({
    weight: vector(`${name}.weight`, width),
    bias: vector(`${name}.bias`, width),
  });
  return {
    speechNorm: norm("ln_speech", c.speech.width),
    audioNorm: norm("ln_audio", c.audio.width),
    qformer: qformerParams(c.qformer, "speech_Qformer.bert.", "speech_query_tokens"),
    projector: {
      weight: matrix("speech_llama_proj.weight", [c.text.width, c.qformer.width]),
      bias: vector("speech_llama_proj.bias", c.text.width),
    },
  };
}

export type ConnectorWeights = Loaded<ReturnType<typeof connectorParams>>;

/** Windows that so many frames fill: the tokens of a clip. Frames after the last whole window are dropped. */
export const windowCount = (
  { window, stride }: Pick<ConnectorConfig, "window" | "stride">,
  frames: number,
): number => Math.max(0, Math.floor((frames - window) / stride) + 1);

/**
 * A clip's tokens. The stream that ends earlier is followed by zeros, behind its norm as in the reference.
 *
 * @param speech [Ts, speechWidth] f32, of Whisper's encoder
 * @param audio [Ta, audioWidth] f32, of BEATs
 * @returns [windowCount(max(Ts, Ta)), C] f32
 */
export function speechTokens(
  ops: Ops,
  c: ConnectorConfig,
  w: ConnectorWeights,
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

/**
 * The audio side: both encoders over packed batches of the same clips, then each clip's windows.
 *
 * @param mels of each clip, with every position of Whisper's window
 * @param patches [Σ tokens, 256] f32, of the clips' filter banks
 * @param clips the patches' shares
 * @returns the clips' audio tokens in a packed batch, C wide
 */
export function encodeSpeech(
  ops: Ops,
  c: SalmonnConfig,
  w: SalmonnEncoder,
  mels: readonly MelClip[],
  patches: Tensor,
  clips: readonly BeatsClip[],
): Tensor {
  const speech = whisperNorm(ops, w.speech, whisperLayers(ops, c.speech, w.speech, mels));
  const audio = beats(ops, c.audio, w.audio, patches, clips);
  let [speechAt, audioAt] = [0, 0];
  const tokens = clips.map((clip, i) => {
    const heard = rowsOf(ops, speech, speechAt, mels[i]!.length);
    const also = rowsOf(ops, audio, audioAt, clip.tokens);
    speechAt += heard.rows;
    audioAt += also.rows;
    return speechTokens(ops, c, w.connector, heard, also);
  });
  const packed = ops.tensor("speech", [tokens.reduce((n, t) => n + t.rows, 0), c.text.width]);
  let at = 0;
  for (const t of tokens) {
    ops.copyRows(t, 0, packed, at, t.rows);
    at += t.rows;
  }
  return packed;
}

function rowsOf(ops: Ops, x: Tensor, from: number, rows: number): Tensor {
  if (rows === x.rows) return x;
  const y = ops.tensor("rows", [rows, x.width]);
  ops.copyRows(x, from, y, 0, rows);
  return y;
}
