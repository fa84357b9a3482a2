/** The sizes that the benches' shapes are made of, by the names of the field. */
export interface Sizes {
  readonly layers: number; // L of the decoder
  readonly tokens: number; // T of a prefill
  readonly cache: number; // S of a decode step
  readonly width: number; // C
  readonly ffn: number; // F
  readonly heads: number; // H, and as many of keys and values
  readonly headDim: number; // D
  readonly vocab: number; // V
  readonly mels: number; // M
  readonly frames: number; // mel frames of a clip
  readonly audioWidth: number; // C of the audio encoder
}

const TINY: Sizes = {
  layers: 4,
  tokens: 128,
  cache: 512,
  width: 256,
  ffn: 512,
  heads: 8,
  headDim: 32,
  vocab: 8192,
  mels: 80,
  frames: 300,
  audioWidth: 256,
};

/** A clip of 30 s is 750 tokens to Qwen2-Audio; the rest is the prompt around it. */
const QWEN2_AUDIO_7B: Sizes = {
  layers: 32,
  tokens: 800,
  cache: 1024,
  width: 4096,
  ffn: 11_008,
  heads: 32,
  headDim: 128,
  vocab: 156_032,
  mels: 128,
  frames: 3000,
  audioWidth: 1280,
};

/** SALMONN's decoder is Vicuna-13B, its audio encoder Whisper large-v2. */
const VICUNA_13B: Sizes = {
  ...QWEN2_AUDIO_7B,
  layers: 40,
  tokens: 128,
  width: 5120,
  ffn: 13_824,
  heads: 40,
  vocab: 32_000,
  mels: 80,
};

export const SIZES: Readonly<Record<string, Sizes>> = {
  tiny: TINY,
  "7b": QWEN2_AUDIO_7B,
  "13b": VICUNA_13B,
};
