import { test } from "uvu";
import * as assert from "uvu/assert";
import { openFolder } from "#files";
import { locate } from "#fixtures";
import { logMel } from "../../src/audio/log-mel.ts";
import { openSource } from "../../src/cli/convert-source.ts";
import { openGpu } from "../../src/gpu/index.ts";
import type { Checkpoint } from "../../src/io/checkpoint.ts";
import { convertCheckpoint } from "../../src/io/convert.ts";
import { loadWeights } from "../../src/io/load.ts";
import type { TensorInfo } from "../../src/io/safetensors.ts";
import { type Folder, memoryFolder } from "../../src/io/source.ts";
import { memoryStore } from "../../src/io/store.ts";
import { EagerOps } from "../../src/kernels/index.ts";
import { toExample } from "../../src/mask/examples.ts";
import { HeadMask } from "../../src/mask/head-mask.ts";
import type { AudioLanguageModel } from "../../src/model/audio-model.ts";
import { loadModel } from "../../src/model/load-model.ts";
import type { LoraPlace } from "../../src/model/lora.ts";
import { openModelFiles } from "../../src/model/open-model.ts";
import { connectorParams, speechTokens, windowCount } from "../../src/model/salmonn.ts";
import { salmonnConfig } from "../../src/model/salmonn-config.ts";
import { type Nd, nd } from "../reference/array.ts";
import { expectGolden, Goldens, transpose } from "./golden.ts";
import { maskOf, spell } from "./golden-salmonn.ts";
import { TracingOps } from "./tracing-ops.ts";

const golden = new Goldens("salmonn");
const FOLDER = locate("test/fixtures/salmonn");
const CLIPS = ["s0", "s1", "long"]; // Whisper's 100 frames are more than BEATs' of s0 and s1, and fewer than those of "long"

const gpu = await openGpu();
const model = await loadModel(gpu, `${FOLDER}/config.yaml`);
test.after(() => {
  model.dispose();
  gpu.dispose();
});

const wav = (clip: string) => golden.f32(`${clip}.wav`);
const asNd = ({ tokens, embeddings }: { tokens: number; embeddings: Float32Array }): Nd =>
  nd([1, tokens, 64], embeddings);

test("the tokens of what the reference's encoders hear are the reference's", async () => {
  const files = await openModelFiles(FOLDER);
  const config = salmonnConfig(files.config);
  assert.is(config.window, 17);
  assert.equal(
    [0, 16, 17, 33, 34, 1500].map((frames) => windowCount(config, frames)),
    [0, 0, 1, 1, 2, 88],
  );
  const params = connectorParams(config);
  const weights = await loadWeights(gpu, files.checkpoint, params, {
    ignore: (name) => /^(speech_encoder|beats|llama_model)\./.test(name),
  });
  await files.checkpoint.close();
  using ops = new EagerOps(gpu, "tokens");
  const input = (name: string) => {
    const { shape, data } = golden.get(name);
    return ops.upload(name, shape.slice(1), Float32Array.from(data));
  };
  const tokens = CLIPS.map((clip) =>
    speechTokens(ops, config, weights, input(`${clip}.whisper_out`), input(`${clip}.beats_out`)),
  );
  ops.submit();
  for (const [i, clip] of CLIPS.entries()) {
    const got = await gpu.readF32(tokens[i]!);
    expectGolden(clip, nd([1, ...tokens[i]!.shape], got), golden.get(`${clip}.speech_embeds`));
  }
});

for (const clip of CLIPS)
  test(`every stage from the waveform of ${clip} is the reference's`, async () => {
    using ops = new TracingOps(gpu);
    const tokens = model.family.encode(ops, [wav(clip)]);
    const { ids, parts } = model.layOut({ audio: wav(clip) });
    const x = model.family.lm.embed(ops, ops.upload("ids", [ids.length], Uint32Array.from(ids)));
    ops.copyRows(tokens, 0, x, parts[0]!.at, tokens.rows);
    ops.submit();
    const norms = await ops.traced("layerNorm");
    const blocks = await ops.traced("block");
    const mel = golden.get(`${clip}.mel`);
    const bands = nd(mel.shape.slice(1), mel.data);
    const heard = logMel(wav(clip), { mels: 80, frames: 200 });
    expectGolden("mel", nd([200, 80], heard), transpose(bands));
    const stages = {
      whisper_out: norms.filter(({ shape }) => shape[0] === 100 && shape[1] === 64).at(-2), // before ln_speech
      beats_out: blocks.filter(({ shape }) => shape[1] === 32).at(-1),
      speech_embeds: nd(tokens.shape, await gpu.readF32(tokens)),
      "gen.inputs_embeds": nd(x.shape, await gpu.readF32(x)),
    };
    for (const [name, got] of Object.entries(stages)) {
      if (!golden.has(`${clip}.${name}`)) continue; // of "long" there is the audio side
      const want = golden.get(`${clip}.${name}`);
      expectGolden(name, nd(want.shape, got!.data), want);
      assert.equal(got!.shape, want.shape.slice(1), name);
    }
  });

test("the tokens of a waveform are the reference's, alone and in a packed batch", async () => {
  const together = await model.encode(CLIPS.map(wav));
  for (const [i, clip] of CLIPS.entries()) {
    const [alone] = await model.encode([wav(clip)]);
    expectGolden(clip, asNd(alone!), golden.get(`${clip}.speech_embeds`));
    expectGolden(`${clip} of three`, asNd(together[i]!), asNd(alone!), 1e-5);
    assert.is(model.family.audioTokens(wav(clip).length), alone!.tokens);
  }
});

test("a sound of less than a second is padded with silence", async () => {
  const second = wav("s0").slice(0, 16_000);
  second.fill(0, 9000);
  const [short, padded] = await model.encode([second.slice(0, 9000), second]);
  expectGolden("short", asNd(short!), asNd(padded!), 1e-6);
});

test("the prompt is the template's, the clip between its ends", () => {
  const before = [1, ...golden.ints("prompt.before_ids")];
  const { ids, parts } = model.layOut({ audio: wav("s0") });
  assert.equal(ids.slice(0, before.length), before);
  assert.equal(
    parts.map(({ at }) => at),
    [before.length],
  );
  assert.equal(ids.slice(before.length + 5), golden.ints("prompt.after_ids"));
  const text = spell(golden.ints("s0.target_ids").slice(0, -1));
  assert.equal(
    toExample(model, { name: "s0", audio: { tokens: 5, load: () => Promise.reject() }, text }).answer,
    golden.ints("s0.target_ids"),
  );
  assert.throws(
    () => model.layOut({ audio: wav("s0"), system: "x" }),
    /prompt: expected no system message, which SALMONN has no place for/,
  );
});

/** Ids that generate gave, without the start token that transformers 4.28 puts before them. */
const generated = (name: string) => golden.ints(name).slice(1);

async function expectAnswers(folder: string | Folder, lora?: LoraPlace): Promise<void> {
  using loaded = await loadModel(gpu, folder, lora ? { lora } : {});
  for (const condition of ["nomask", "mask"]) {
    const gates = maskOf(golden, condition === "mask" ? "thresholded" : "nomask", 8);
    const mask =
      gates &&
      HeadMask.fromLogits(
        4,
        8,
        gates.map((gate) => gate - 0.5),
      );
    const questions = ["s0", "s1"].map((clip) => ({ audio: wav(clip), ...(mask && { mask }) }));
    for (const [name, options] of [
      ["greedy", { beams: 1 }],
      ["beam4", {}],
    ] as const) {
      const answers = await loaded.answer(questions, options);
      assert.equal(
        answers.map(({ tokens }) => tokens),
        ["s0", "s1"].map((clip) => generated(`${clip}.gen.${name}_${condition}`)),
        `${name} ${condition}`,
      );
    }
  }
}

test("greedy and beam-4 ids are the reference's, with a mask and without", () => expectAnswers(FOLDER));

test("they are so with the LoRA merged into the weights, too", () => expectAnswers(FOLDER, "merge"));

test("and again from the safetensors that convert makes of these files, to the bit", async () => {
  const { checkpoint, files } = await openSource(`${FOLDER}/config.yaml`, undefined);
  const store = memoryStore();
  const written = await convertCheckpoint(checkpoint, store, { files });
  await checkpoint.close();
  const read = async (name: string) => [name, (await store.read(name))!] as const;
  const out = memoryFolder("out", Object.fromEntries(await Promise.all(written.files.map(read))));
  await expectAnswers(out);
  using converted = await loadModel(gpu, out);
  assert.is(converted.fingerprint, model.fingerprint);
  const question = { audio: wav("s0") };
  assert.equal(await converted.encode([question.audio]), await model.encode([question.audio]));
  const logitsOf = async (of: AudioLanguageModel) => {
    const steps: Float32Array[] = [];
    for await (const { logits } of of.stream([question], { logits: true })) steps.push(logits!);
    return steps;
  };
  assert.equal(await logitsOf(converted), await logitsOf(model));
});

/** Every tensor's bytes. */
async function bytesOf({ tensors }: Checkpoint): Promise<Map<string, Uint8Array>> {
  const read = async ({ name, source, begin, end }: TensorInfo) =>
    [name, await source.read(begin, end - begin)] as const;
  return new Map(await Promise.all([...tensors.values()].map(read)));
}

test("files of other versions of PyTorch and PEFT hold the same tensors", async () => {
  const folder = openFolder(FOLDER);
  const yaml = await folder.text("config.yaml");
  const open = async (file: string) => {
    const text = yaml.replace("salmonn_v1.pth", file);
    const { checkpoint } = await openModelFiles({
      ...folder,
      text: async (name) => (name === "config.yaml" ? text : folder.text(name)),
    });
    const bytes = await bytesOf(checkpoint);
    await checkpoint.close();
    return bytes;
  };
  const tensors = await open("salmonn_v1.pth");
  for (const file of ["salmonn_v1.plain_lora_names.pth", "salmonn_v1.torch2.pth"])
    assert.equal(await open(file), tensors, file);
});

test.run();
