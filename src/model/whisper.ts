import type { Tensor } from "../gpu/index.ts";
import { conv, type Loaded, matrix, vector } from "../io/load.ts";
import type { Ops } from "../kernels/index.ts";
import type { Fields } from "./fields.ts";

/** Whisper's encoder (arXiv 2212.04356): two convolutions, then pre-norm transformer layers, bidirectional. */
export interface WhisperConfig {
  readonly mels: number; // M
  readonly width: number; // C
  readonly layers: number;
  readonly heads: number; // H
  readonly ffn: number; // F
  readonly positions: number; // of the encoder: half the mel frames of its window
}

const EPS = 1e-5;

/** From a Whisper config.json or Qwen2-Audio's `audio_config`, whose class defaults are given by the caller. */
export function whisperConfig(f: Fields, fallback: Partial<WhisperConfig> = {}): WhisperConfig {
  f.only("activation_function", "gelu");
  f.only("scale_embedding", false);
  const width = f.size("d_model", fallback.width);
  const heads = f.size("encoder_attention_heads", fallback.heads);
  f.conflict(width % heads > 0, "encoder_attention_heads", `a divisor of d_model ${width}`, heads);
  const headDim = width / heads;
  f.conflict(
    headDim % 4 > 0 || headDim > 128,
    "d_model",
    "heads of a multiple of 4 wide, at most 128",
    headDim,
  );
  return {
    mels: f.size("num_mel_bins", fallback.mels),
    width,
    layers: f.size("encoder_layers", fallback.layers),
    heads,
    ffn: f.size("encoder_ffn_dim", fallback.ffn),
    positions: f.size("max_source_positions", fallback.positions),
  };
}

/** The parameters by their names in the checkpoint, `prefix` being where the encoder begins. */
export function whisperParams(c: WhisperConfig, prefix: string) {
  const linear = (name: string, out: number, from: number) => ({
    weight: matrix(`${prefix}${name}.weight`, [out, from]),
    bias: vector(`${prefix}${name}.bias`, out),
  });
  const norm = (name: string) => ({
    weight: vector(`${prefix}${name}.weight`, c.width),
    bias: vector(`${prefix}${name}.bias`, c.width),
  });
  const convolution = (name: string, from: number) => ({
    weight: conv(`${prefix}${name}.weight`, [c.width, from, 3]),
    bias: vector(`${prefix}${name}.bias`, c.width),
  });
  const layer = (l: number) => ({
    attnNorm: norm(`layers.${l}.self_attn_layer_norm`),
    q: linear(`layers.${l}.self_attn.q_proj`, c.width, c.width),
    k: matrix(`${prefix}layers.${l}.self_attn.k_proj.weight`, [c.width, c.width]), // no bias
    v: linear(`layers.${l}.self_attn.v_proj`, c.width, c.width),
    o: linear(`layers.${l}.self_attn.out_proj`, c.width, c.width),
    ffnNorm: norm(`layers.${l}.final_layer_norm`),
    fc1: linear(`layers.${l}.fc1`, c.ffn, c.width),
    fc2: linear(`layers.${l}.fc2`, c.width, c.ffn),
  });
  return {
    conv1: convolution("conv1", c.mels),
    conv2: convolution("conv2", c.width),
    positions: matrix(`${prefix}embed_positions.weight`, [c.positions, c.width]),
    layers: Array.from({ length: c.layers }, (_, l) => layer(l)),
    norm: norm("layer_norm"),
  };
}

export type WhisperWeights = Loaded<ReturnType<typeof whisperParams>>;
type Layer = WhisperWeights["layers"][number];

/** A clip's mel frames and how many encoder positions of it are wanted, at most ⌈frames/2⌉. */
export interface MelClip {
  readonly mel: Tensor; // [frames, M] f32, time-major
  readonly length: number;
}

/** Rows of mel that `length` encoder positions see: the second convolution has stride 2, and each has 3 taps. */
export const melRows = (length: number, frames: number): number => Math.min(frames, 2 * length + 1);

/** Both convolutions and the positions of a packed batch: [ΣT, C]. */
function stem(ops: Ops, c: WhisperConfig, w: WhisperWeights, clips: readonly MelClip[]): Tensor {
  const index = Uint32Array.from(clips.flatMap(({ length }) => Array.from({ length }, (_, i) => i)));
  const positions = ops.embed(w.positions, ops.upload("positions", [index.length], index));
  const x = ops.tensor("conv2", [index.length, c.width]);
  let at = 0;
  for (const { mel, length } of clips) {
    const rows = Math.min(mel.rows, 2 * length); // a further one would lack the frame after it
    const h = ops.tensor("conv1", [rows, c.width]);
    ops.conv1d(mel, w.conv1.weight, h, 0, rows, { bias: w.conv1.bias, taps: 3, stride: 1, gelu: true });
    const conv2 = { bias: w.conv2.bias, taps: 3, stride: 2, gelu: true, residual: positions };
    ops.conv1d(h, w.conv2.weight, x, at, length, conv2);
    at += length;
  }
  return x;
}

function layer(ops: Ops, c: WhisperConfig, w: Layer, x: Tensor, tiles: Tensor): Tensor {
  const n = ops.layerNorm(x, w.attnNorm.weight, w.attnNorm.bias, EPS);
  const q = ops.matmul(n, w.q.weight, { bias: w.q.bias });
  const k = ops.matmul(n, w.k);
  const v = ops.matmul(n, w.v.weight, { bias: w.v.bias });
  const heads = { heads: c.heads, kvHeads: c.heads, headDim: c.width / c.heads };
  const z = ops.attention(q, k, v, { ...heads, tiles, causal: false });
  const h = ops.matmul(z, w.o.weight, { bias: w.o.bias, residual: x });
  const m = ops.layerNorm(h, w.ffnNorm.weight, w.ffnNorm.bias, EPS);
  const f = ops.matmul(m, w.fc1.weight, { bias: w.fc1.bias, gelu: true });
  return ops.matmul(f, w.fc2.weight, { bias: w.fc2.bias, residual: h });
}

/**
 * The encoder without its last norm, over a packed batch of clips: [Σ length, C].
 *
 * Only the wanted positions are computed. With Qwen2-Audio's key mask that changes nothing (padding is never attended
 * to); for Whisper itself, which attends to its padding, ask for every position.
 */
export function whisperLayers(
  ops: Ops,
  c: WhisperConfig,
  w: WhisperWeights,
  clips: readonly MelClip[],
): Tensor {
  let at = 0;
  const segments = clips.map(({ length }) => {
    const segment = { query: at, queries: length, key: at, keys: length, first: 0, gate: 0 };
    at += length;
    return segment;
  });
  const tiles = ops.attentionTiles(segments);
  const x = ops.block(() => stem(ops, c, w, clips));
  return w.layers.reduce((h, weights) => ops.block(() => layer(ops, c, weights, h, tiles), h), x);
}

/** The encoder's last norm. */
export const whisperNorm = (ops: Ops, w: WhisperWeights, x: Tensor): Tensor =>
  ops.layerNorm(x, w.norm.weight, w.norm.bias, EPS);
