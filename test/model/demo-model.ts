/** The embedded model as the tests use it: loaded, its clips heard, its masks read. */
import { locate, readBytes, readText } from "#fixtures";
import { prepareAudio } from "../../src/audio/load.ts";
import type { Gpu } from "../../src/gpu/index.ts";
import type { HeadMask } from "../../src/mask/head-mask.ts";
import { readMask } from "../../src/mask/mask-file.ts";
import type { AudioLanguageModel } from "../../src/model/audio-model.ts";
import { loadModel } from "../../src/model/load-model.ts";

export const MODEL = locate("models/demo/model");

export const loadDemo = (gpu: Gpu): Promise<AudioLanguageModel> => loadModel(gpu, MODEL);

/** A file of models/demo. */
export const demoFile = (name: string) => readBytes(`models/demo/${name}`);

/** A clip of models/demo at 16 kHz, such as "clips/eval/speech-000.flac"; `seconds` cuts it. */
export async function demoClip(name: string, seconds = 3): Promise<Float32Array> {
  return (await prepareAudio(demoFile(name), name, { channels: "mean", maxSeconds: seconds })).samples;
}

/** A mask of models/demo, such as "masks/pytorch/asr.safetensors". */
export const demoMask = (name: string): Promise<HeadMask> =>
  readMask(demoFile(name), name, { layers: 8, heads: 8 });

/** Whether all cases are wanted where a share of them is usual; a page has no environment to say so in. */
export const FULL = globalThis.process?.env.AHAMASK_FULL === "1";

/** Whether a CPU plays the GPU without a compiler's help: an order of magnitude slower than anything else. */
export const isSwiftShader = ({ info }: Gpu): boolean =>
  /swiftshader/i.test(`${info.vendor} ${info.architecture} ${info.device} ${info.description}`);

/** One of models/demo/expected.json's answers. */
export interface Expected {
  readonly audio: string;
  readonly condition: "instruction" | "reworded" | "none" | "mask";
  readonly task: string | null;
  readonly prompt: string;
  readonly text: string;
  readonly tokens: readonly number[];
}

const EXPECTED: readonly Expected[] = JSON.parse(readText("models/demo/expected.json")).answers;

/** What transformers answers about a clip, such as "speech-000", under an instruction, a mask of a task, or neither. */
export function expected(clip: string, condition: Expected["condition"], task: string | null): Expected {
  const audio = `clips/eval/${clip}.flac`;
  const is = (e: Expected) => e.audio === audio && e.condition === condition && e.task === task;
  return EXPECTED.find(is)!;
}
