import { fbank, fbankFrames } from "../audio/fbank.ts";
import { SAMPLE_RATE } from "../audio/load.ts";
import { logMel } from "../audio/log-mel.ts";
import { fbankPatches, PATCH_WIDTH, patchTokens } from "../audio/patches.ts";
import type { Gpu, Tensor } from "../gpu/index.ts";
import type { Checkpoint } from "../io/checkpoint.ts";
import { type LoadOptions, loadWeights } from "../io/load.ts";
import { type Folder, MAX_SLICE } from "../io/source.ts";
import type { Ops } from "../kernels/index.ts";
import { speechPrompt } from "../text/speech-prompt.ts";
import { Tokenizer, TokenizerError } from "../text/tokenizer.ts";
import type { Family } from "./audio-model.ts";
import { disposeTree, orDispose } from "./dispose-tree.ts";
import { GenerateError } from "./errors.ts";
import { llama } from "./llama.ts";
import { withPositions } from "./load-beats.ts";
import { type LoraPlace, loadLora, mergeLora } from "./lora.ts";
import { encodeSpeech, isBesideSalmonn, type SalmonnEncoder, salmonnParams, windowCount } from "./salmonn.ts";
import type { SalmonnConfig } from "./salmonn-config.ts";

export const WINDOW_SECONDS = 30; // that the reference hears of a sound
const LEAST = SAMPLE_RATE; // samples; shorter sounds are padded

type SalmonnOptions = Pick<LoadOptions, "onProgress" | "signal"> & { readonly lora?: LoraPlace };

/** SALMONN from its config, its checkpoint (see `salmonnParams`), and the folder of Vicuna's tokenizer. */
export async function loadSalmonn(
  gpu: Gpu,
  texts: Folder,
  config: SalmonnConfig,
  checkpoint: Checkpoint,
  options: SalmonnOptions,
): Promise<Family> {
  const tokenizer = await loadTokenizer(texts);
  const stop = tokenizer.idOf(config.endSymbol);
  if (stop === undefined)
    throw new TokenizerError(
      `tokenizer: expected the end_sym ${config.endSymbol} in ${texts.name}, got none; use the tokenizer of this model`,
    );
  const { w, lora } = await loadParts(gpu, checkpoint, config, options);
  return {
    lm: llama(gpu, config.text, w.text, lora),
    tokenizer,
    windowSeconds: WINDOW_SECONDS,
    channels: "first",
    generation: { ...config.generation, stop: [stop], startCounts: true },
    prompt(clips, text, system) {
      if (system !== undefined)
        throw new GenerateError(
          "prompt: expected no system message, which SALMONN has no place for, got one",
        );
      return speechPrompt(tokenizer, { clips, text, template: config.promptTemplate, start: config.start });
    },
    audioTokens: (samples) => tokenCount(config, samples),
    encodedSamples: () => WINDOW_SECONDS * SAMPLE_RATE,
    encode: (ops, clips) => encodeSamples(ops, config, w, clips),
    dispose: () => disposeTree([w, lora ?? []]),
  };
}

/** The weights, and the LoRA where it stays beside them; a failure leaves nothing on the GPU. */
async function loadParts(
  gpu: Gpu,
  checkpoint: Checkpoint,
  c: SalmonnConfig,
  { lora: place, ...options }: SalmonnOptions,
) {
  const stored = await loadWeights(gpu, checkpoint, salmonnParams(c), {
    ...options,
    ignore: (name) => isBesideSalmonn(c, name),
  });
  return orDispose(stored, async () => {
    const { signal } = options;
    const lora = c.lora && (await loadLora(gpu, checkpoint, c.lora, c.text, signal ? { signal } : {}));
    return orDispose(lora ?? [], async () => {
      const w = { ...stored, audio: await withPositions(gpu, c.audio, stored.audio) };
      if (!lora || place !== "merge") return { w, lora };
      mergeLora(gpu, w.text.layers, lora);
      return { w, lora: undefined };
    });
  });
}

/** Vicuna's tokenizer.json, or else its tokenizer.model. */
async function loadTokenizer(texts: Folder): Promise<Tokenizer> {
  if (await texts.has("tokenizer.json")) {
    const config = (await texts.has("tokenizer_config.json"))
      ? await texts.text("tokenizer_config.json")
      : undefined;
    return Tokenizer.fromJson(await texts.text("tokenizer.json"), config);
  }
  if (!(await texts.has("tokenizer.model")))
    throw new TokenizerError(
      `tokenizer: expected tokenizer.json or tokenizer.model in ${texts.name}, got neither; get them with the model`,
    );
  const source = await texts.open("tokenizer.model");
  try {
    return Tokenizer.fromSentencePiece(await source.read(0, Math.min(source.size, MAX_SLICE)));
  } finally {
    await source.close();
  }
}

/** Audio tokens of a clip of so many samples at 16 kHz. */
export const tokenCount = (c: SalmonnConfig, samples: number): number =>
  windowCount(c, Math.max(c.speech.positions, patchTokens(fbankFrames(Math.max(samples, LEAST)))));

/** Clips of 16 kHz mono → their audio tokens' embeddings, packed [Σ tokens, C]. */
export function encodeSamples(
  ops: Ops,
  c: SalmonnConfig,
  w: SalmonnEncoder,
  clips: readonly Float32Array[],
): Tensor {
  const frames = 2 * c.speech.positions;
  const mels = clips.map((samples) => {
    const mel = logMel(samples, { mels: c.speech.mels, frames });
    return { mel: ops.upload("mel", [frames, c.speech.mels], mel), length: c.speech.positions };
  });
  const patches = clips.map((samples) => fbankPatches(fbank(padded(samples))));
  const shares = patches.map(({ length }) => ({ tokens: length / PATCH_WIDTH, heard: length / PATCH_WIDTH }));
  const packed = new Float32Array(patches.reduce((n, patch) => n + patch.length, 0));
  let at = 0;
  for (const patch of patches) {
    packed.set(patch, at);
    at += patch.length;
  }
  return encodeSpeech(
    ops,
    c,
    w,
    mels,
    ops.upload("patches", [packed.length / PATCH_WIDTH, PATCH_WIDTH], packed),
    shares,
  );
}

/** With silence behind it up to a second. */
function padded(samples: Float32Array): Float32Array {
  if (samples.length >= LEAST) return samples;
  const longer = new Float32Array(LEAST);
  longer.set(samples);
  return longer;
}
