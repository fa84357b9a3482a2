import { test } from "uvu";
import * as assert from "uvu/assert";
import { listFiles, locate, readBytes, serving } from "#fixtures";
import { openGpu } from "../../src/gpu/index.ts";
import { CheckpointError } from "../../src/io/checkpoint.ts";
import { encodeSafetensors } from "../../src/io/safetensors.ts";
import { memoryFolder } from "../../src/io/source.ts";
import { ZipError } from "../../src/io/zip.ts";
import { ConfigError } from "../../src/model/fields.ts";
import { loadModel } from "../../src/model/load-model.ts";
import { openModelFiles } from "../../src/model/open-model.ts";
import { salmonnConfig } from "../../src/model/salmonn-config.ts";
import { TokenizerError } from "../../src/text/tokenizer.ts";
import { type ErrorType, utf8 } from "../io/helpers.ts";
import { expectRejects } from "../reference/compare.ts";

const FOLDER = locate("test/fixtures/salmonn");
const files: Record<string, Uint8Array> = Object.fromEntries(
  listFiles("test/fixtures/salmonn").map((file) => [file, readBytes(`test/fixtures/salmonn/${file}`)]),
);
const yaml = new TextDecoder().decode(files["config.yaml"]);

/** The model with other files; undefined takes one away. */
function folderWith(changes: Record<string, string | Uint8Array | undefined>) {
  const all = Object.entries({ ...files, ...changes }).flatMap(([name, content]) =>
    content === undefined ? [] : [[name, typeof content === "string" ? utf8(content) : content] as const],
  );
  return memoryFolder("salmonn", Object.fromEntries(all));
}

type Change = readonly [from: string | RegExp, to: string];

/** The YAML with lines replaced. */
function yamlWith(...changes: Change[]) {
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
  await serving("test/fixtures/salmonn", async (url) => {
    for (const from of [FOLDER, `${FOLDER}/config.yaml`, `${url}/config.yaml`, folderWith({})]) {
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
    /prompt_template: expected \{\} in it once, where clip and text go, got "USER:"/,
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
    yamlWith(["beats.pt", "beats.wide.pt"]),
    ConfigError,
    /the width of BEATs: expected 32 \(ln_audio\.weight\), got 48/,
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

/** The tensors of the joined files, those that `keep` says. */
async function stored(keep: (name: string) => boolean) {
  const { config, checkpoint } = await openModelFiles(FOLDER);
  const tensors = await Promise.all(
    [...checkpoint.tensors.values()]
      .filter(({ name }) => keep(name))
      .map(async ({ name, dtype, shape, source, begin, end }) => {
        return { name, dtype, shape, bytes: await source.read(begin, end - begin) };
      }),
  );
  await checkpoint.close();
  return { config, tensors };
}

test("whoever trained BEATs or Vicuna too is told, not answered wrongly", async () => {
  const { tensors } = await stored((name) =>
    /^(beats\.encoder\.layer_norm\.bias|speech_|ln_|.*lora_)/.test(name),
  );
  const folder = folderWith({
    "config.yaml": yaml.replace(/ckpt:.*/, "ckpt: tuned.safetensors"),
    "tuned.safetensors": encodeSafetensors(tensors),
  });
  await refuses(
    folder,
    CheckpointError,
    /twice: beats\.encoder\.layer_norm\.bias, in .*beats\.pt.* and .*tuned\.safetensors/,
  );
});

test("settings are read as the reference reads them", async () => {
  const config = async (...changes: Change[]) => {
    const opened = await openModelFiles(yamlWith(...changes));
    await opened.checkpoint.close();
    return salmonnConfig(opened.config);
  };
  const { window, stride } = await config(
    ["second_per_window: 0.333333", "second_per_window: 0.33"],
    ["second_stride: 0.333333", "second_stride: 0.25"],
  );
  assert.equal([window, stride], [16, 12]); // Python rounds a half to the even number
  const whole = 'prompt_template: "USER: <Speech><SpeechHere></Speech> {}\\nASSISTANT:"';
  assert.is((await config([/prompt_template:.*/, whole])).promptTemplate, "USER: {}\nASSISTANT:");
  assert.is((await config(["min_length: 1", "min_length: 0"])).generation.minNewTokens, 0);
  assert.is((await config([/generate:[\s\S]*/, ""])).generation.beams, 4);
});

test("without LoRA, and with a head that is the embedding table, it loads", async () => {
  const totals = new Set<number>();
  const onProgress = (_: number, total: number) => totals.add(total);
  for (const folder of [
    yamlWith(["lora: True", "lora: False"]),
    jsonWith("llama/config.json", { tie_word_embeddings: true }),
  ]) {
    using model = await loadModel(gpu, folder, { onProgress });
    assert.is(model.layers, 4);
  }
  assert.is(totals.size, 2, "one total a load");
});

test("a file whose sum is wrong where nobody loads it leaves nothing on the GPU", async () => {
  const bytes = files["salmonn_v1.pth"]!.slice();
  const name = "layers.3.self_attn.v_proj.lora_B.default.weight";
  const { checkpoint } = await openModelFiles(folderWith({}));
  const lora = checkpoint.tensors.get(`llama_model.model.${name.replace(".default", "")}`)!;
  const stored = await lora.source.read(lora.begin, lora.end - lora.begin);
  const latin1 = new TextDecoder("latin1");
  const at = latin1.decode(bytes).indexOf(latin1.decode(stored));
  await checkpoint.close();
  bytes[at + 100]! ^= 1;
  const folder = folderWith({
    "salmonn_v1.pth": bytes,
    "config.yaml": yaml.replace("lora: True", "lora: False"),
  });
  await refuses(folder, ZipError, /salmonn_v1\.pth/);
});

test("a LoRA that lacks a tensor is told, and leaves nothing on the GPU", async () => {
  const { config, tensors } = await stored(
    (name) => !name.endsWith("layers.2.self_attn.v_proj.lora_B.weight"),
  );
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
