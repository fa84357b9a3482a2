export {
  type Answer,
  type AnswerOptions,
  AudioLanguageModel,
  type Clip,
  type EncodedClip,
  type Family,
  type HeadGates,
  type LaidOut,
  type Question,
  type StreamedToken,
} from "./audio-model.ts";
export {
  type BeatsClip,
  type BeatsConfig,
  type BeatsWeights,
  beats,
  beatsConfig,
  beatsParams,
} from "./beats.ts";
export { type Blueprint, type BuiltModel, blueprint, type ModelPart } from "./blueprint.ts";
export { GenerateError } from "./errors.ts";
export { ConfigError, Fields } from "./fields.ts";
export { type GenerateOptions, generate, type Token } from "./generate.ts";
export { type DecoderShape, type KeysValues, KvCache, PassingKeysValues, type Step } from "./kv-cache.ts";
export type { LanguageModel } from "./language-model.ts";
export {
  isRotaryTable,
  type LlamaConfig,
  type LlamaWeights,
  llama,
  llamaConfig,
  llamaParams,
} from "./llama.ts";
export { loadBeats } from "./load-beats.ts";
export { type LoadModelOptions, loadModel } from "./load-model.ts";
export { type Lora, type LoraConfig, type LoraLayer, loadLora } from "./lora.ts";
export { isLora } from "./lora-names.ts";
export { type ModelFiles, openModelFiles } from "./open-model.ts";
export { PUBLISHED, type Published, type PublishedFile } from "./published.ts";
export { type QformerConfig, type QformerWeights, qformer, qformerParams } from "./qformer.ts";
export { type Qwen2Config, type Qwen2Weights, qwen2, qwen2Config, qwen2Params } from "./qwen2.ts";
export {
  type ConnectorWeights,
  connectorParams,
  encodeSpeech,
  type SalmonnEncoder,
  salmonnParams,
  speechTokens,
  windowCount,
} from "./salmonn.ts";
export {
  type SalmonnConfig,
  type SalmonnGeneration,
  salmonnConfig,
  secondsToFrames,
} from "./salmonn-config.ts";
export {
  type WhisperConfig,
  type WhisperWeights,
  whisperLayers,
  whisperNorm,
  whisperParams,
} from "./whisper.ts";
