/**
 * ahamask: audio language models on WebGPU, steered by a mask over their attention heads.
 *
 * `openGpu` → `loadModel` → `model.answer`; everything below those three is exported too, so that a model of one's own
 * can be built from the same parts.
 */

export { openFolder, openStore, readFile } from "#files";
export { AudioError } from "./audio/decode.ts";
export { fbank, fbankFrames } from "./audio/fbank.ts";
export {
  type PreparedAudio,
  type PrepareOptions,
  prepareAudio,
  preparePcm,
  SAMPLE_RATE,
} from "./audio/load.ts";
export { logMel, melFrames } from "./audio/log-mel.ts";
export { fbankPatches, heardTokens, patchTokens } from "./audio/patches.ts";
export type { Pcm } from "./audio/pcm.ts";
export { TapedOps, type TapeOptions } from "./autograd/index.ts";
export { adviceFor, type BrowserFacts } from "./gpu/advice.ts";
export {
  type Bound,
  DeviceLostError,
  type Dispatch,
  DryDevice,
  type DryLimits,
  type DType,
  defineKernel,
  type Gpu,
  GpuError,
  type GpuOptions,
  type Kernel,
  NoAdapterError,
  openGpu,
  Recorder,
  type Scalar,
  ShaderError,
  Tensor,
} from "./gpu/index.ts";
export { type PickedFile, pickedFolder } from "./io/blob.ts";
export type { CachedFolder } from "./io/cached-folder.ts";
export type { Traffic } from "./io/cached-source.ts";
export {
  type Checkpoint,
  CheckpointError,
  type FileCheckpoint,
  openCheckpoint,
  openCheckpointFile,
} from "./io/checkpoint.ts";
export { type Converted, type ConvertOptions, convertCheckpoint } from "./io/convert.ts";
export { ConvertError, type FloatDType } from "./io/convert-values.ts";
export { httpFolder } from "./io/http.ts";
export {
  conv,
  type Loaded,
  type LoadOptions,
  loadWeights,
  matrix,
  storedAs,
  type Tree,
  vector,
} from "./io/load.ts";
export { type KeptModel, ModelCache } from "./io/model-cache.ts";
export { leaves, mapTree, type Param } from "./io/params.ts";
export { PickleError, TorchTensor, type TorchValue } from "./io/pickle.ts";
export {
  encodeSafetensors,
  parseHeader,
  readTensor,
  SafetensorsError,
  type SafetensorsHeader,
  type TensorInfo,
} from "./io/safetensors.ts";
export { type ByteSource, type Folder, memoryFolder, memorySource, SourceError } from "./io/source.ts";
export { memoryStore, type Store } from "./io/store.ts";
export { TorchFileError } from "./io/torch-file.ts";
export { ZipError } from "./io/zip.ts";
export * from "./kernels/index.ts";
export { adamw, type Moments, moments } from "./mask/adamw.ts";
export {
  type Agreement,
  type Combination,
  combineMasks,
  compareMasks,
  headsPerLayer,
} from "./mask/analyze.ts";
export { LearnError, RunError, RunStoppedError } from "./mask/errors.ts";
export type { Example, HeardClip, Lesson, StoredClip } from "./mask/examples.ts";
export { answerLosses, type GateGradient, gateGradient, recordGateGradient } from "./mask/gate-gradient.ts";
export { type DrawnGates, drawGates, type GateKind } from "./mask/gumbel.ts";
export { HeadMask, MaskError, type MaskedModel } from "./mask/head-mask.ts";
export { Learner, type LearnState, type StepReport } from "./mask/learn.ts";
export { LEARN_DEFAULTS, type LearnSettings } from "./mask/learn-settings.ts";
export { type MaskShape, readMask, writeMask } from "./mask/mask-file.ts";
export { gateNoise } from "./mask/noise.ts";
export { type RunConfig, RunFolder, readRun } from "./mask/run.ts";
export type { Best, LogLine, RunState } from "./mask/run-state.ts";
export type { RateSchedule, TauSchedule } from "./mask/schedule.ts";
export * from "./model/index.ts";
export { ClipCache, type ClipEncoder } from "./tasks/clip-cache.ts";
export {
  type BadRow,
  DataError,
  type DataOptions,
  type DataSet,
  describeBad,
  parseDataset,
  type Row,
  resolvePath,
} from "./tasks/dataset.ts";
export {
  type Condition,
  type EvalItem,
  type Evaluated,
  type EvaluateOptions,
  evalItems,
  evaluate,
  type Unheard,
} from "./tasks/evaluate.ts";
export { holdOut, type LearnData, type PrepareEvent } from "./tasks/learn-data.ts";
export {
  type LearnEvent,
  type Learned,
  type LearnRunOptions,
  learnRun,
  type Validation,
} from "./tasks/learn-run.ts";
export { type ClipListener, type LoadedClip, loadClip } from "./tasks/load-clips.ts";
export {
  type LimitsPlan,
  type MemoryPlan,
  type ModelPlan,
  type PartPlan,
  planModel,
  refusal,
  type SplitWeight,
} from "./tasks/plan.ts";
export { longestClip, type Sizes } from "./tasks/rehearse.ts";
export { checkpointStorage, type Storage, statedStorage } from "./tasks/storage.ts";
export { type ChatFiles, ChatTemplate, ChatTemplateError } from "./text/chat.ts";
export { buildPrompt, type Prompt, type PromptOptions } from "./text/prompt.ts";
export { Tokenizer, TokenizerError } from "./text/tokenizer.ts";
