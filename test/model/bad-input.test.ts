import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { CheckpointError } from "../../src/io/checkpoint.ts";
import {
  encodeSafetensors,
  parseHeader,
  readTensor,
  type StoredTensor as TensorHead,
} from "../../src/io/safetensors.ts";
import { type Folder, memoryFolder, memorySource, SourceError } from "../../src/io/source.ts";
import { HeadMask, MaskError } from "../../src/mask/head-mask.ts";
import type { AnswerOptions, Question } from "../../src/model/audio-model.ts";
import { GenerateError } from "../../src/model/errors.ts";
import { ConfigError } from "../../src/model/fields.ts";
import { loadModel } from "../../src/model/load-model.ts";
import { ChatTemplateError } from "../../src/text/chat.ts";
import { TokenizerError } from "../../src/text/tokenizer.ts";
import { expectRejects } from "../reference/compare.ts";
import { demoClip, demoFile, loadDemo } from "./demo-model.ts";

type StoredTensor = TensorHead & { readonly bytes: Uint8Array<ArrayBuffer> };
type ErrorType = abstract new (...args: never[]) => Error;
type Changes = Record<string, string | Uint8Array | undefined>;

const WEIGHTS = "model.safetensors";
const FILES = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.json",
];
const original = Object.fromEntries([...FILES, WEIGHTS].map((name) => [name, demoFile(`model/${name}`)]));
const config = JSON.parse(new TextDecoder().decode(original["config.json"]));
const stored: StoredTensor[] = [];
for (const info of (await parseHeader(memorySource(WEIGHTS, original[WEIGHTS]!))).tensors.values())
  stored.push({ name: info.name, dtype: info.dtype, shape: info.shape, bytes: await readTensor(info) });

/** The demo model's folder with some files exchanged, or left out. */
function demoWith(changes: Changes): Folder {
  const files = Object.entries({ ...original, ...changes }).flatMap(([name, content]) => {
    if (content === undefined) return [];
    return [[name, typeof content === "string" ? new TextEncoder().encode(content) : content] as const];
  });
  return memoryFolder("demo", Object.fromEntries(files));
}

/** The same with other weights: each tensor as `change` leaves it, or not at all. */
const demoWithWeights = (
  change: (tensor: StoredTensor) => StoredTensor | undefined,
  extra: StoredTensor[] = [],
) =>
  demoWith({ [WEIGHTS]: encodeSafetensors([...stored.flatMap((tensor) => change(tensor) ?? []), ...extra]) });

const withConfig = (change: object) => demoWith({ "config.json": JSON.stringify({ ...config, ...change }) });

const gpu = await openGpu();
const model = await loadDemo(gpu);
test.after(() => {
  model.dispose();
  gpu.dispose();
});
gpu.trim();
const baseline = gpu.bytes;

/** Fails unless `promise` rejects with this type and message, which says what was expected and what to do. */
async function refuses(promise: Promise<unknown>, type: ErrorType, ...patterns: RegExp[]): Promise<void> {
  const message = await expectRejects(promise, type, patterns[0]!);
  for (const pattern of patterns) assert.match(message, pattern);
  gpu.trim();
  assert.is(gpu.bytes, baseline, "bytes after it");
}
const refusesLoad = (folder: Folder, type: ErrorType, ...patterns: RegExp[]) =>
  refuses(loadModel(gpu, folder), type, ...patterns);

test("config.json: absent, not JSON, not an object", async () => {
  await refusesLoad(demoWith({ "config.json": undefined }), SourceError, /config\.json/);
  await refusesLoad(demoWith({ "config.json": "{" }), ConfigError, /config\.json: expected JSON/);
  await refusesLoad(
    demoWith({ "config.json": "[]" }),
    ConfigError,
    /config\.json: expected an object, got \[\]/,
  );
});

test("config.json: every wrong field in one error; an unknown family", async () => {
  await refusesLoad(
    withConfig({
      audio_token_index: -1,
      audio_config: { ...config.audio_config, d_model: "160", activation_function: "relu" },
      text_config: { ...config.text_config, hidden_size: 0, rope_theta: -1, tie_word_embeddings: "no" },
    }),
    ConfigError,
    /got 6 wrong/,
    /audio_token_index: expected a token id, got -1/,
    /audio_config\.d_model: expected a positive integer, got "160"/,
    /audio_config\.activation_function: expected "gelu", got "relu"/,
    /text_config\.hidden_size: expected a positive integer, got 0/,
    /text_config\.rope_theta: expected a positive number, got -1/,
    /text_config\.tie_word_embeddings: expected true or false, got "no"/,
  );
  await refusesLoad(
    withConfig({ model_type: undefined }),
    ConfigError,
    /model_type: expected a string, got nothing/,
  );
  await refusesLoad(
    withConfig({ model_type: "llama" }),
    ConfigError,
    /expected model_type qwen2_audio or salmonn, got "llama"/,
  );
});

test("config.json: sizes that do not go together", async () => {
  const text = (change: object) => withConfig({ text_config: { ...config.text_config, ...change } });
  const audio = (change: object) => withConfig({ audio_config: { ...config.audio_config, ...change } });
  await refusesLoad(
    text({ num_attention_heads: 7 }),
    ConfigError,
    /num_attention_heads: expected a divisor of hidden_size 128, got 7/,
  );
  await refusesLoad(
    text({ num_key_value_heads: 3 }),
    ConfigError,
    /num_key_value_heads: expected a divisor of num_attention_heads 8, got 3/,
  );
  await refusesLoad(
    audio({ encoder_attention_heads: 7 }),
    ConfigError,
    /encoder_attention_heads: expected a divisor of d_model 160, got 7/,
  );
  await refusesLoad(
    withConfig({ audio_token_index: 5000 }),
    ConfigError,
    /audio_token_index: expected a token below vocab_size 1024, got 5000/,
  );
});

test("no tokenizer, no chat template", async () => {
  await refusesLoad(demoWith({ "tokenizer.json": undefined }), TokenizerError, /tokenizer\.json/);
  await refusesLoad(demoWith({ "tokenizer.json": "{}" }), TokenizerError, /tokenizer\.json/);
  const silent = JSON.parse(new TextDecoder().decode(original["tokenizer_config.json"]));
  await refusesLoad(
    demoWith({
      "chat_template.json": undefined,
      "tokenizer_config.json": JSON.stringify({ ...silent, chat_template: undefined }),
    }),
    ChatTemplateError,
    /chat_template\.jinja/,
  );
  await refusesLoad(
    demoWith({ "generation_config.json": '{"max_new_tokens": 0}' }),
    ConfigError,
    /max_new_tokens/,
  );
});

test("no weights, a shard missing", async () => {
  await refusesLoad(demoWith({ [WEIGHTS]: undefined }), CheckpointError, /model\.safetensors/);
  const [first, second] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const map = Object.fromEntries(stored.map(({ name }, i) => [name, i < 80 ? first : second]));
  const sharded: Changes = {
    [WEIGHTS]: undefined,
    "model.safetensors.index.json": JSON.stringify({ weight_map: map }),
    [first!]: encodeSafetensors(stored.slice(0, 80)),
  };
  await refusesLoad(
    demoWith(sharded),
    CheckpointError,
    /expected the 2 shards/,
    /missing: model-00002-of-00002/,
  );
  const whole = await loadModel(
    gpu,
    demoWith({ ...sharded, [second!]: encodeSafetensors(stored.slice(80)) }),
  );
  assert.is(whole.fingerprint, model.fingerprint);
  whole.dispose();
});

test("tensors missing, extra, mis-shaped: all in one error", async () => {
  const folder = demoWithWeights(
    (tensor) => {
      if (tensor.name === "audio_tower.conv1.bias") return undefined;
      if (tensor.name.endsWith("multi_modal_projector.linear.weight"))
        return { ...tensor, shape: [...tensor.shape].reverse() };
      return tensor;
    },
    [{ name: "lm.stray", dtype: "F32", shape: [1], bytes: new Uint8Array(4) }],
  );
  await refusesLoad(
    folder,
    CheckpointError,
    /3 that differ/,
    /missing: audio_tower\.conv1\.bias \[160\]/,
    /mis-shaped: multi_modal_projector\.linear\.weight, expected \[128, 160\], got \[160, 128\]/,
    /extra: lm\.stray \[1\]/,
  );
});

test("NaN in weights, named", async () => {
  const bad = ["audio_tower.conv2.weight", "language_model.model.layers.3.mlp.down_proj.weight"];
  const folder = demoWithWeights((tensor) => {
    if (!bad.includes(tensor.name)) return tensor;
    const bytes = tensor.bytes.slice();
    new DataView(bytes.buffer).setUint16(bytes.length - 2, 0x7e00, true); // F16
    return { ...tensor, bytes };
  });
  await refusesLoad(folder, CheckpointError, /NaN in 2 of/, ...bad.map((name) => new RegExp(`NaN: ${name}`)));
});

const clip = await demoClip("clips/eval/sound-057.flac");
const asked = { audio: clip, prompt: "caption the audio" };
test("infinite weights: an error where their logits come out, not an answer", async () => {
  const folder = demoWithWeights((tensor) => {
    if (tensor.name !== "language_model.model.layers.0.self_attn.o_proj.weight") return tensor;
    const bytes = tensor.bytes.slice();
    new DataView(bytes.buffer).setUint16(0, 0x7c00, true); // F16
    return { ...tensor, bytes };
  });
  using infinite = await loadModel(gpu, folder);
  for (const options of [{}, { logits: true }, { beams: 2 }, { temperature: 1, topK: 5 }])
    await expectRejects(infinite.answer([asked], options), Error, /expected finite logits, got NaN/);
});

const refusesAnswer = (
  questions: readonly Question[],
  options: AnswerOptions,
  type: ErrorType,
  ...patterns: RegExp[]
) => refuses(model.answer(questions, options), type, ...patterns);

test("options out of range", async () => {
  const bad: [AnswerOptions, ErrorType, RegExp][] = [
    [{ beams: 0 }, GenerateError, /expected beams to be an integer of at least 1, got 0/],
    [{ beams: 1.5 }, GenerateError, /beams .* got 1\.5/],
    [{ maxNewTokens: 0 }, GenerateError, /expected maxNewTokens to be an integer of at least 1, got 0/],
    [{ minNewTokens: -1 }, GenerateError, /minNewTokens .* got -1/],
    [{ temperature: -1 }, GenerateError, /expected temperature > 0, got -1/],
    [{ temperature: Number.NaN }, GenerateError, /temperature.* got NaN/],
    [{ temperature: 1, topP: 2 }, GenerateError, /expected topP above 0 and at most 1, got 2/],
    [{ temperature: 1, topK: -1 }, GenerateError, /topK .* got -1/],
    [{ temperature: 1, seed: -1 }, GenerateError, /seed, got -1/],
    [{ repetitionPenalty: 0 }, GenerateError, /repetitionPenalty above 0, got 0/],
    [{ beams: 2, temperature: 1 }, GenerateError, /beams without temperature/],
    [{ beams: 2, lengthPenalty: Number.NaN }, GenerateError, /lengthPenalty, got NaN/],
    [{ topP: 2 }, GenerateError, /topP/],
  ];
  for (const [options, type, pattern] of bad) await refusesAnswer([asked], options, type, pattern);
});

test("a prompt too long for the model's positions", async () => {
  const prompt = "caption the audio ".repeat(300);
  await refusesAnswer(
    [{ audio: clip, prompt }],
    {},
    GenerateError,
    /expected at most 512 tokens/,
    /shorten the text/,
  );
  await refusesAnswer([asked], { maxNewTokens: 500 }, GenerateError, /500 new ones/);
});

test("a mask of another size, of another model", async () => {
  await refusesAnswer(
    [{ ...asked, mask: HeadMask.all(4, 8) }],
    {},
    MaskError,
    /expected 8 × 8 heads.* got 4 × 8/,
  );
  const stranger = HeadMask.all(8, 8).withMetadata({ fingerprint: "0123456789abcdef" });
  await refusesAnswer(
    [asked, { ...asked, mask: stranger }],
    {},
    MaskError,
    new RegExp(`fingerprint ${model.fingerprint}, got 0123456789abcdef`),
  );
});

test("clips empty, too short, too long, not sound; no question", async () => {
  const ask = (audio: Float32Array, ...patterns: RegExp[]) =>
    refusesAnswer([asked, { audio }], {}, GenerateError, ...patterns);
  await ask(new Float32Array(0), /long enough for one audio token, got 0 samples/);
  await ask(new Float32Array(160), /long enough for one audio token, got 160 samples/);
  await ask(new Float32Array(3 * 16_000 + 1), /at most 48000 samples/, /got 48001/);
  await ask(Float32Array.of(...clip.subarray(0, 8000), Number.NaN), /finite samples, got NaN at sample 8000/);
  await refusesAnswer([], {}, GenerateError, /at least one (prompt|question), got none/);
  const enough = await model.answer([{ audio: clip.slice(0, 640) }], { maxNewTokens: 1 });
  assert.is(enough.length, 1);
});

test.run();
