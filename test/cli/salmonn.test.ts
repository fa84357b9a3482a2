import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CheckpointReport } from "../../src/cli/inspect-checkpoint.ts";
import type { LearnDocument } from "../../src/cli/learn-end.ts";
import type { RunDocument } from "../../src/cli/run.ts";
import { readMask } from "../../src/mask/mask-file.ts";
import { Goldens } from "../model/golden.ts";
import { spell } from "../model/golden-salmonn.ts";
import { command, here, ours, withFolder } from "./command.ts";

const MODEL = "test/fixtures/salmonn/config.yaml";
const PUBLISHED = "test/fixtures/masks/mask.pth";
const golden = new Goldens("salmonn");

/** A WAV file of f32 samples at 16 kHz. */
function wavFile(samples: Float32Array): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF\0\0\0\0WAVEfmt ");
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(3, 20); // floats
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(16_000, 24);
  header.writeUInt32LE(64_000, 28);
  header.writeUInt16LE(4, 32);
  header.writeUInt16LE(32, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)]);
}

/** The goldens' clips as files, and rows that ask for their targets. */
function writeData(folder: string): { clips: string[]; data: string } {
  const clips = ["s0", "s1"].map((clip) => join(folder, `${clip}.wav`));
  const rows = clips.map((path, i) => {
    writeFileSync(path, wavFile(golden.f32(`s${i}.wav`)));
    const text = spell(golden.ints(`s${i}.target_ids`).slice(0, -1));
    return `${JSON.stringify({ audio: path, text, task: "asr" })}\n`;
  });
  const data = join(folder, "asr.jsonl");
  writeFileSync(data, rows.join(""));
  return { clips, data };
}

test("run answers as the reference, with its beams, under a published mask and without", () =>
  withFolder(async (folder) => {
    const { clips } = writeData(folder);
    const cases = [
      { args: [], name: "beam4_nomask" },
      { args: ["--mask", PUBLISHED], name: "beam4_mask" },
      { args: ["--mask", PUBLISHED, "--beams", "1"], name: "greedy_mask" },
    ];
    for (const { args, name } of cases) {
      const outcome = await command("run", "--model", MODEL, "--audio", ...clips, ...args, "--json");
      assert.is(outcome.code, 0, outcome.stderr);
      const { results } = JSON.parse(outcome.stdout) as RunDocument;
      assert.equal(
        results.map((result) => "tokens" in result && result.tokens),
        ["s0", "s1"].map((clip) => golden.ints(`${clip}.gen.${name}`).slice(1)),
        name,
      );
    }
  }));

test("a mask is learned, drawn, and evaluated by the same commands", () =>
  withFolder(async (folder) => {
    const { data } = writeData(folder);
    const out = join(folder, "run");
    const learned = await command(
      ...["learn", "--model", MODEL, "--data", data, "--eval-data", data, "--eval-every", "2"],
      ...["--metric", "exact", "--steps", "4", "--batch", "2", "--rate", "1", "--out", out, "--json"],
    );
    assert.is(learned.code, 0, learned.stderr);
    const document = JSON.parse(learned.stdout) as LearnDocument;
    assert.equal([document.steps, document.rows, document.heads.of], [4, 2, 32]);

    const mask = join(out, "mask.safetensors");
    const drawn = await here("mask", "show", mask);
    assert.is(drawn.code, 0, drawn.stderr);
    assert.match(drawn.stdout, /^ {2}layer 3 {2}/m);
    assert.is(readFileSync(join(out, "mask.bits")).length, 4);
    const { fingerprint } = JSON.parse((await here("inspect", MODEL, "--json")).stdout) as CheckpointReport;
    assert.is((await readMask(readFileSync(mask), mask)).metadata.fingerprint, fingerprint);

    const args = ["eval", "--model", MODEL, "--data", data, "--mask", mask, "--metrics", "exact,wer"];
    const evaluated = await command(...args, "--json");
    assert.is(evaluated.code, 0, evaluated.stderr);
    assert.is(JSON.parse(evaluated.stdout).rows, 2);
  }));

test("inspect tells the parts", async () => {
  const { code, stdout } = await here("inspect", MODEL);
  assert.is(code, 0);
  for (const line of [
    /^ {2}family {7}salmonn$/m,
    /^ {2}speech {7}Whisper, 2 layers × 4 heads, width 64, 80 mel bins, 2 s$/m,
    /^ {2}audio {8}BEATs, 2 layers × 4 heads, width 32$/m,
    /^ {2}Q-Former {5}2 layers × 4 heads, width 48, windows of 17 frames$/m,
    /^ {2}LoRA {9}rank 2, alpha 8$/m,
    /^ {2}files {8}beats\.pt/m,
    /^ {2}head mask {4}4 layers × 8 heads, 4 bytes$/m,
  ])
    assert.match(stdout, line);
});

test("parts that do not fit are told before anything is converted", () =>
  withFolder(async (folder) => {
    const yaml = readFileSync(MODEL, "utf8").replace("lora_rank: 2", "lora_rank: 4");
    const paths = /(llama_path|whisper_path|beats_path|ckpt): "/g;
    const here_ = `${process.cwd()}/test/fixtures/salmonn/`;
    writeFileSync(join(folder, "config.yaml"), yaml.replace(paths, `$1: "${here_}`));
    for (const command of [["inspect"], ["convert", "--out", join(folder, "out")], ["plan", "--model"]]) {
      const outcome = await here(...command, join(folder, "config.yaml"));
      assert.is(outcome.code, 1);
      assert.match(outcome.stderr, /the rank of LoRA: expected 2 .*, got 4/);
    }
  }));

test("inspect lists what a PyTorch file holds", async () => {
  const { code, stdout } = await here("inspect", "test/fixtures/salmonn/salmonn_v1.pth");
  assert.is(code, 0);
  assert.match(stdout, /^ {2}speech_query_tokens +F32 +\[1, 1, 48\] /m);
  const wrong = await here("run", "--model", "test/fixtures/salmonn/salmonn_v1.pth", "--audio", MODEL);
  assert.is(wrong.code, 1);
});

test("a part that is not there is named, with where it was looked for", () =>
  withFolder(async (folder) => {
    mkdirSync(join(folder, "vicuna"));
    const yaml = readFileSync(MODEL, "utf8").replace('"whisper"', '"openai/whisper-large-v2"');
    writeFileSync(join(folder, "config.yaml"), yaml);
    const outcome = await here("inspect", join(folder, "config.yaml"));
    assert.is(outcome.code, 1);
    assert.match(
      ours(outcome).join("\n"),
      /model\.whisper_path: expected config\.json at 'openai\/whisper-large-v2', got .*; download it, and write where it is/,
    );
  }));

test.run();
