/**
 * ahamask: audio language models on WebGPU, steered by a mask over their attention heads.
 *
 * `openGpu` → `loadModel` → `model.answer`; everything below those three is exported too, so that a model of one's own
 * can be built from the same parts.
 */

export * from "#files";
export { AudioError } from "./audio/decode.ts";
export { type PreparedAudio, prepareAudio, SAMPLE_RATE } from "./audio/load.ts";
export { logMel, melFrames } from "./audio/log-mel.ts";
export * from "./gpu/index.ts";
export { type Checkpoint, CheckpointError, openCheckpoint } from "./io/checkpoint.ts";
export { conv, type Loaded, loadWeights, matrix, type Tree, vector } from "./io/load.ts";
export { encodeSafetensors, parseHeader, readTensor, SafetensorsError } from "./io/safetensors.ts";
export { type ByteSource, type Folder, memoryFolder, memorySource, SourceError } from "./io/source.ts";
export * from "./kernels/index.ts";
export { HeadMask, MaskError } from "./mask/head-mask.ts";
export { readMask, writeMask } from "./mask/mask-file.ts";
export * from "./model/index.ts";
export { ChatTemplate, ChatTemplateError } from "./text/chat.ts";
export { buildPrompt } from "./text/prompt.ts";
export { Tokenizer, TokenizerError } from "./text/tokenizer.ts";
