import { test } from "uvu";
import * as assert from "uvu/assert";
import { locate } from "#fixtures";
import { SAMPLE_RATE } from "../../src/audio/load.ts";
import { type DryLimits, type Gpu, openGpu } from "../../src/gpu/index.ts";
import { type BuiltModel, blueprint } from "../../src/model/blueprint.ts";
import { disposeTree } from "../../src/model/dispose-tree.ts";
import { loadModel } from "../../src/model/load-model.ts";
import { openModelFiles } from "../../src/model/open-model.ts";
import { PUBLISHED } from "../../src/model/published.ts";
import { encodeSamples } from "../../src/model/qwen2-audio-family.ts";
import { type MemoryPlan, type PartPlan, planModel, refusal } from "../../src/tasks/plan.ts";
import { longestClip, rehearseAnswer, rehearseLearning, type Sizes } from "../../src/tasks/rehearse.ts";
import { checkpointStorage, statedStorage } from "../../src/tasks/storage.ts";
import { MODEL } from "../model/demo-model.ts";
import { goldenFolder, loadGoldenModel } from "../model/golden-model.ts";
import * as shapes from "./published-shapes.ts";

const gpu = await openGpu();
test.after(() => gpu.dispose());

const fixture = (path: string) => locate(`test/fixtures/${path}`);

const F32 = 4;
const HALF = 2; // f16 and bf16

/** A published model's plan as stored. */
async function planOf(name: keyof typeof PUBLISHED, dtype?: "f32" | "f16" | "bf16") {
  const b = blueprint(PUBLISHED[name].config);
  return planModel(b, statedStorage(b, dtype), longestClip(b));
}

/** A part's bytes by the public architecture: what is stored, and with vectors of f32 on the GPU. */
function expected(of: shapes.Shapes, element: number) {
  const all = shapes.elements(of);
  const vectors = shapes.elements(of, (shape) => shape.length === 1);
  return { parameters: all, storedBytes: element * all, bytes: element * (all - vectors) + F32 * vectors };
}

const figures = ({ parameters, storedBytes, bytes }: PartPlan) => ({ parameters, storedBytes, bytes });
const total = (parts: readonly PartPlan[], key: "parameters" | "storedBytes") =>
  parts.reduce((sum, part) => sum + part[key], 0);

test("Qwen2-Audio-7B is what its architecture says, tensor by tensor, and what its publisher counts", async () => {
  const { parts, limits } = await planOf("qwen2-audio-7b");
  assert.equal(parts.map(figures), [
    expected(shapes.whisperEncoder(128), HALF),
    expected(shapes.projector, HALF),
    expected(shapes.qwen7b, HALF),
  ]);
  assert.is(total(parts, "parameters"), 8_397_094_912);
  assert.is(total(parts, "storedBytes"), 16_794_189_824);
  assert.is(limits.bindingBytes, 2 ** 27);
  const lmHead = 156_032 * 4096 * HALF;
  assert.ok(limits.bufferBytes >= lmHead && limits.bufferBytes <= 1.125 * lmHead);
  assert.equal(
    limits.split.map(({ name, count, bytes }) => [name, count, bytes]),
    [
      ["Language model, embed", 1, lmHead],
      ["Language model, head", 1, lmHead],
      ["Language model, layers.N.gateUp", 32, 2 * 11_008 * 4096 * HALF],
    ],
  );
});

test("SALMONN-13B likewise, each part in its own type", async () => {
  const { parts } = await planOf("salmonn-13b");
  const beats = expected(shapes.beats, F32);
  const lora = expected(shapes.lora, F32);
  assert.equal(parts.map(figures), [
    expected(shapes.whisperEncoder(80), F32),
    { ...beats, bytes: beats.bytes - 128 * F32 }, // the lengths of the convolution's taps go into its weight
    expected(shapes.connector, F32),
    expected(shapes.llama13b, HALF),
    { ...lora, bytes: 2 * lora.bytes }, // q's, v's and zeros for k, as one product
  ]);
  assert.is(parts[3]!.parameters, 13_015_864_320);
  assert.is(total(parts, "storedBytes"), 29_073_446_336);
});

test("published files hold the tensors that are counted", () => {
  const files: Readonly<Record<string, { readonly bytes?: number; readonly tensorBytes?: number }>> =
    Object.fromEntries(PUBLISHED["salmonn-13b"].files.map((file) => [file.name, file]));
  const whisper = shapes.elements(shapes.whisperEncoder(80)) + shapes.elements(shapes.whisperDecoder);
  assert.is(whisper, 1_543_304_960); // as published
  assert.is(files["whisper-large-v2"]!.tensorBytes, F32 * whisper);
  const archive = (name: string, tensors: number) => {
    const beside = files[name]!.bytes! - tensors;
    assert.ok(beside > 0 && beside < 500_000, `${name}: ${beside} bytes beside the tensors`);
  };
  const beats = shapes.elements(shapes.beats) + shapes.elements(shapes.beatsPredictor);
  archive("BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt", F32 * beats);
  const learned = shapes.elements(shapes.connector) + shapes.elements(shapes.lora);
  archive("salmonn_v1.pth", 3 * F32 * learned); // and Adam's two moments of each
});

test("the parts run in other types than their own", async () => {
  for (const [name, dtype, element] of [
    ["qwen2-audio-7b", "f32", F32],
    ["salmonn-13b", "bf16", HALF],
  ] as const) {
    const { parts } = await planOf(name, dtype);
    assert.is(total(parts, "storedBytes"), element * total(parts, "parameters"), name);
  }
});

test("a device that is too small is told by what it lacks", async () => {
  const b = blueprint(PUBLISHED["qwen2-audio-7b"].config);
  const refused = (limits: DryLimits) => refusal(b, statedStorage(b), longestClip(b), limits);
  assert.is(await refused({ bufferBytes: 2 ** 31 }), undefined);
  assert.match(
    String(await refused({ bufferBytes: 2 ** 30 })),
    /expected at most 1073741824 bytes a buffer .*, got 1278214144 for language_model\.model\.embed_tokens/,
  );
  assert.match(
    String(await refused({ bindingBytes: 2 ** 24 })),
    /kv-cache: expected at most 1024 tokens .*got 1070/,
  );
});

/** A model on a real device. */
interface OnDevice extends BuiltModel {
  dispose(): void;
}

async function published(gpu: Gpu, from: string): Promise<OnDevice> {
  const model = await loadModel(gpu, from);
  const { lm, encode } = model.family;
  return { lm, encode, dispose: () => model.dispose() };
}

/** A golden model has no tokenizer. */
async function golden(gpu: Gpu): Promise<OnDevice> {
  const { config, weights, lm } = await loadGoldenModel(gpu, goldenFolder("gqa"));
  return {
    lm,
    encode: (ops, clips) => encodeSamples(ops, config, weights, clips),
    dispose: () => disposeTree(weights),
  };
}

/** What a device holds, stage by stage, as `planModel` says it. */
async function measured(gpu: Gpu, model: OnDevice, sizes: Sizes): Promise<MemoryPlan> {
  gpu.trim();
  const weights = gpu.bytes;
  await rehearseAnswer(gpu, model, sizes);
  const most = gpu.bytes; // nothing is given back to the system before a trim
  gpu.trim();
  const stages: number[] = [];
  let before = gpu.bytes;
  await rehearseAnswer(gpu, model, sizes, () => {
    stages.push(gpu.bytes - before);
    gpu.trim();
    before = gpu.bytes;
  });
  gpu.trim();
  await rehearseLearning(model, sizes);
  const learn = gpu.bytes;
  const [encode, cache, answer] = stages as [number, number, number];
  return { weights, encode, cache, answer, most, learn };
}

for (const [name, from, load] of [
  ["the demo", MODEL, (gpu) => published(gpu, MODEL)],
  ["grouped queries in bf16", fixture("qwen2audio/gqa"), golden],
  ["SALMONN in its authors' files", fixture("salmonn"), (gpu) => published(gpu, fixture("salmonn"))],
] as [string, string, (gpu: Gpu) => Promise<OnDevice>][]) {
  test(`a device holds what is planned, to the byte: ${name}`, async () => {
    const { config, checkpoint } = await openModelFiles(from);
    const b = blueprint(config);
    const storage = checkpointStorage(b.weights(checkpoint));
    await checkpoint.close();
    const clip = { samples: SAMPLE_RATE, audioTokens: b.audioTokens(SAMPLE_RATE) };
    const sizes = { ...clip, textTokens: 9, newTokens: 7, beams: b.generation.beams };
    const limits = { ...gpu.limits, software: gpu.software };
    const { memory, parts } = await planModel(b, storage, sizes, limits);
    assert.is(
      memory.weights,
      parts.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0),
    );
    const model = await load(gpu);
    assert.equal(await measured(gpu, model, sizes), memory);
    model.dispose();
    gpu.trim();
    assert.is(gpu.bytes, 0);
  });
}

test.run();
