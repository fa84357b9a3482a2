import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { CheckpointError } from "../../src/io/checkpoint.ts";
import { encodeSafetensors } from "../../src/io/safetensors.ts";
import { memoryFolder } from "../../src/io/source.ts";
import { ConfigError } from "../../src/model/fields.ts";
import { loadModel } from "../../src/model/load-model.ts";
import { openModelFiles } from "../../src/model/open-model.ts";
import { TokenizerError } from "../../src/text/tokenizer.ts";
import { type ErrorType, serve, utf8, withServer } from "../io/helpers.ts";
import { expectRejects } from "../reference/compare.ts";

const FOLDER = fileURLToPath(new URL("../fixtures/salmonn", import.meta.url));
const files: Record<string, Uint8Array> = Object.fromEntries(
  (readdirSync(FOLDER, { recursive: true }) as string[])
    .filter((file) => statSync(join(FOLDER, file)).isFile())
    .map((file) => [file.replaceAll("\\", "/"), readFileSync(join(FOLDER, file))]),
);
const yaml = new TextDecoder().decode(files["config.yaml"]);

/** The model with other files; undefined takes one away. */
function folderWith(changes: Record<string, string | Uint8Array | undefined>) {
  const all = Object.entries({ ...files, ...changes }).flatMap(([name, content]) =>
    content === undefined ? [] : [[name, typeof content === "string" ? utf8(content) : content] as const],
  );
  return memoryFolder("salmonn", Object.fromEntries(all));
}

/** The YAML with lines replaced. */
function yamlWith(...changes: readonly (readonly [from: string | RegExp, to: string])[]) {
  const changed = changes.reduce((text, [from, to]) => text.replace(from, to), yaml);
  return folderWith({ "config.yaml": changed });
}

const jsonWith = (file: string, change: object) =>
  folderWith({ [file]: JSON.stringify({ ...JSON.parse(new TextDecoder().decode(files[file])), ...change }) });

const gpu = await openGpu();
test.after(() => gpu.dispose());
const baseline = gpu.bytes;
test.after.each(() => assert.is(gpu.bytes, baseline));

async function refuses(folder: ReturnType<typeof folderWith>, type: ErrorType, ...patterns: RegExp[]) {
  const message = await expectRejects(loadModel(gpu, folder), type, patterns[0]!);
  for (const pattern of patterns) assert.match(message, pattern);
}

test("paths count from the YAML: a folder's, a URL's, one in memory", async () => {
  const prints: string[] = [];
  await withServer(serve(files), async (url) => {
    for (const from of [FOLDER, join(FOLDER, "config.yaml"), `${url}/config.yaml`, folderWith({})]) {
      const { checkpoint } = await openModelFiles(from);
      prints.push(await checkpoint.fingerprint());
      await checkpoint.close();
    }
  });
  assert.is(new Set(prints).size, 1);
});

test("a YAML that is none, with missing, unknown and wrong keys: all in one error", async () => {
  await refuses(folderWith({ "config.yaml": "model: [" }), ConfigError, /config\.yaml: expected YAML, got/);
  await refuses(folderWith({ "config.yaml": "" }), ConfigError, /config\.yaml: expected an object, got null/);
  await refuses(
    yamlWith(
      [/llama_path.*/, ""],
      [/ckpt:.*/, 'ckpt: ""'],
      ["lora_rank:", "lora_rnak:"],
      ["num_beams:", "beams:"],
      ["generate:", "decoder: {}\ngenerate:"],
    ),
    ConfigError,
    /config\.yaml: expected every field to be there and right, got 5 wrong/,
    /model\.llama_path: expected a string, got nothing/,
    /model\.ckpt: expected a path, got ""/,
    /model\.lora_rnak: expected no such field/,
    /generate\.beams: expected no such field/,
    /decoder: expected no such field/,
  );
  await refuses(
    yamlWith(
      ["window_level_Qformer: True", "window_level_Qformer: False"],
      ["do_sample: False", "do_sample: True"],
      [/prompt_template:.*/, 'prompt_template: "USER:"'],
      ["lora_rank: 2", 'lora_rank: "two"'],
      ["second_stride: 0.333333", "second_stride: 0.001"],
    ),
    ConfigError,
    /got 5 wrong/,
    /window_level_Qformer: expected true, got false/,
    /generate\.do_sample: expected false, got true/,
    /prompt_template: expected \{\} in it once, got "USER:"/,
    /lora_rank: expected a positive integer, got "two"/,
    /second_stride: expected a frame \(0\.02\) or more, got 0\.001/,
  );
});

test("a part that is missing is named, with its key", async () => {
  await refuses(
    folderWith({ "beats.pt": undefined }),
    ConfigError,
    /model\.beats_path: expected beats\.pt at 'beats\.pt', got none in salmonn; download it/,
  );
  await refuses(
    folderWith({ "whisper/pytorch_model.bin": undefined }),
    CheckpointError,
    /checkpoint: expected model\.safetensors.* in salmonn\/whisper, got none/,
  );
});

test("a model without a tokenizer", () =>
  refuses(
    folderWith({ "llama/tokenizer.json": undefined }),
    TokenizerError,
    /tokenizer: expected tokenizer\.json or tokenizer\.model in salmonn\/llama, got neither; get them/,
  ));

test("parts that do not fit each other are named with both numbers", async () => {
  await refuses(
    jsonWith("whisper/config.json", { d_model: 128 }),
    ConfigError,
    /expected parts that SALMONN was trained with, got 2 that do not fit/,
    /the width of Whisper: expected 64 \(ln_speech\.weight\), got 128/,
    /what the Q-Former hears: expected 96 \(.*crossattention\.self\.key\.weight\), got 160/,
  );
  await refuses(
    jsonWith("llama/config.json", { hidden_size: 96 }),
    ConfigError,
    /the width of LLaMA: expected 64 \(speech_llama_proj\.weight\), got 96/,
  );
  await refuses(
    yamlWith(["hidden_size: 48", "hidden_size: 80"]),
    ConfigError,
    /the width of the Q-Former: expected 48 \(speech_query_tokens\), got 80/,
  );
  await refuses(
    yamlWith(["lora_rank: 2", "lora_rank: 4"]),
    ConfigError,
    /the rank of LoRA: expected 2 \(llama_model\..*lora_A\.weight\), got 4/,
  );
});

test("a BEATs of another kind, or a file that is none", async () => {
  await refuses(
    yamlWith(["beats.pt", "beats.other.pt"]),
    ConfigError,
    /beats_config\.layer_norm_first: expected false, got true/,
    /beats_config\.input_patch_size: expected 16, got 8/,
  );
  await refuses(
    yamlWith(["beats.pt", "salmonn_v1.pth"]),
    ConfigError,
    /salmonn_v1\.pth: expected a BEATs checkpoint with its 'cfg', got none; get BEATs_iter3/,
  );
});

test("tensors that are missing are named as the model names them", async () => {
  await refuses(
    yamlWith([/ckpt:.*/, 'ckpt: "beats.pt"']),
    CheckpointError,
    /missing: ln_speech\.weight \[64\]/,
  );
});

test("a LoRA that lacks a tensor is told, and leaves nothing on the GPU", async () => {
  const { config, checkpoint } = await openModelFiles(FOLDER);
  const tensors = await Promise.all(
    [...checkpoint.tensors.values()]
      .filter(({ name }) => !name.endsWith("layers.2.self_attn.v_proj.lora_B.weight"))
      .map(async ({ name, dtype, shape, source, begin, end }) => {
        return { name, dtype, shape, bytes: await source.read(begin, end - begin) };
      }),
  );
  await checkpoint.close();
  const converted = memoryFolder("converted", {
    "config.json": utf8(config),
    "tokenizer.json": files["llama/tokenizer.json"]!,
    "model.safetensors": encodeSafetensors(tensors),
  });
  await refuses(
    converted,
    CheckpointError,
    /missing: model\.layers\.2\.self_attn\.v_proj\.lora_B\.weight \[64, 2\]/,
  );
});

test.run();
