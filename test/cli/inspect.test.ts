import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { MaskReport, TensorsReport } from "../../src/cli/inspect.ts";
import type { CheckpointReport } from "../../src/cli/inspect-checkpoint.ts";
import { HeadMask } from "../../src/mask/head-mask.ts";
import { writeMask } from "../../src/mask/mask-file.ts";
import { serve, withServer } from "../io/server.ts";
import { demoFile, demoMask } from "../model/demo-model.ts";
import { here, start, withFolder } from "./command.ts";

const ASR = "models/demo/masks/pytorch/asr.safetensors";

/** The output's lines after the first, which is the name. */
const body = (text: string) => text.split("\n").slice(1).join("\n");

test("draws a mask, a row a layer", async () => {
  const { code, stdout, stderr } = await here("inspect", ASR);
  assert.is(code, 0);
  assert.is(stderr, "");
  assert.is(
    stdout,
    `${ASR}
  heads        41 of 64 on
  size         8 layers × 8 heads, 8 bytes
  task         asr
  batch        16
  steps        300
  lr           0.08
  lambda       0.0001
  seed         0
  fingerprint  none: it may be of any model of its size

  head     0 1 2 3 4 5 6 7
  layer 0  · · ■ ■ ■ · · ■  4
  layer 1  · · ■ ■ ■ ■ · ·  4
  layer 2  ■ ■ ■ ■ ■ ■ ■ ■  8
  layer 3  · ■ ■ ■ ■ ■ ■ ■  7
  layer 4  ■ · ■ · ■ ■ · ■  5
  layer 5  · ■ ■ ■ ■ ■ ■ ·  6
  layer 6  · · ■ ■ ■ · ■ ·  4
  layer 7  · · ■ ■ ■ · · ·  3
`,
  );
});

test("gives a mask as JSON", async () => {
  const mask = await demoMask("masks/pytorch/asr.safetensors");
  const report = JSON.parse((await here("inspect", ASR, "--json")).stdout) as MaskReport;
  assert.is(report.kind, "mask");
  assert.equal([report.layers, report.heads, report.on, report.bytes], [8, 8, 41, 8]);
  assert.equal(report.map.flat(), [...mask.gates()]);
  assert.is(report.metadata.task, "asr");
});

test("draws bare bits of the shape given, or of a model's", () =>
  withFolder(async (folder) => {
    const path = join(folder, "asr.bits");
    writeFileSync(path, (await demoMask("masks/pytorch/asr.safetensors")).toBits());
    const drawn = (await here("inspect", ASR)).stdout.split("\n\n")[1];
    for (const shape of [
      ["--shape", "8x8"],
      ["--model", "models/demo/model"],
    ]) {
      const { code, stdout } = await here("inspect", path, ...shape);
      assert.is(code, 0);
      assert.is(stdout.split("\n\n")[1], drawn);
    }
    const unknown = await here("inspect", path);
    assert.is(unknown.code, 1);
    assert.match(
      unknown.stderr,
      /^ahamask: mask: .*got 8 bytes.*; for bare bits and published masks, pass --shape LxH or --model DIR\n$/,
    );
    const other = await here("inspect", path, "--shape", "40x40");
    assert.is(other.code, 1);
    assert.match(other.stderr, /exactly 200 bytes for 40 × 40 heads, got 8/);
    const usage = await here("inspect", path, "--shape", "40");
    assert.is(usage.code, 2);
    assert.match(usage.stderr, /Expected layers x heads, such as 40x40/);
  }));

test("numbers the heads of a wide mask by tens, and stays within 80 columns", () =>
  withFolder(async (folder) => {
    const path = join(folder, "wide.bits");
    writeFileSync(path, HeadMask.fromHeads(40, 40, [[39, 39]]).toBits());
    const map = (await here("inspect", path, "--shape", "40x40")).stdout.split("\n\n")[1]!.split("\n");
    assert.is(map[0], "                      1         2         3");
    assert.is(map[1], "  head      0123456789012345678901234567890123456789");
    assert.is(map[41], `  layer 39  ${"·".repeat(39)}■   1`);
  }));

test("tells whether a mask is of the model", () =>
  withFolder(async (folder) => {
    const path = join(folder, "other.safetensors");
    writeFileSync(path, writeMask(HeadMask.all(8, 8).withMetadata({ fingerprint: "0123456789abcdef" })));
    assert.match((await here("inspect", path)).stdout, /^ {2}fingerprint {2}0123456789abcdef$/m);
    const { code, stderr } = await here("inspect", path, "--model", "models/demo/model");
    assert.is(code, 1);
    assert.match(stderr, /got 0123456789abcdef; this mask was made for another model\n$/);
  }));

const MODEL = `
  family       qwen2_audio
  audio        4 layers × 5 heads, width 160, 128 mel bins, 3 s
  text         8 layers × 8 heads, width 128, feed-forward 352
  vocabulary   1024 tokens, 512 positions
  parameters   3.1 million in 168 tensors
  weights      F16 6.2 MB
  files        model.safetensors (6.2 MB)
  fingerprint  49d2638ec8beee9e
  head mask    8 layers × 8 heads, 8 bytes
`;

test("shows a checkpoint in a folder, where Dawn does not even load", async () => {
  const hook = `export const resolve = (name, context, next) => {
    if (name === "webgpu") throw new Error("cannot load");
    return next(name, context);
  }`;
  const register = `import { register } from "node:module"; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)})`;
  const noDawn = ["--import", `data:text/javascript,${encodeURIComponent(register)}`];
  const { outcome } = start(["inspect", "models/demo/model"], undefined, noDawn);
  assert.equal(await outcome, { code: 0, stdout: `models/demo/model${MODEL}`, stderr: "" });
});

test("shows a checkpoint on the web, and a mask there", () =>
  withServer(
    serve({
      "m/config.json": demoFile("model/config.json"),
      "m/model.safetensors": demoFile("model/model.safetensors"),
      "asr.safetensors": demoFile("masks/pytorch/asr.safetensors"),
    }),
    async (url) => {
      assert.is(`\n${body((await here("inspect", `${url}/m`)).stdout)}`, MODEL);
      const mask = await here("inspect", `${url}/asr.safetensors`);
      assert.is(body(mask.stdout), body((await here("inspect", ASR)).stdout));
      const missing = await here("inspect", `${url}/nothing`);
      assert.is(missing.code, 1);
      assert.match(missing.stderr, /^ahamask: http: expected .*nothing\/config\.json, got status 404.*\n$/);
    },
  ));

test("gives a sharded checkpoint as JSON", async () => {
  const { stdout } = await here("inspect", "test/fixtures/qwen2audio/gqa", "--json");
  const report = JSON.parse(stdout) as CheckpointReport;
  assert.is(report.kind, "checkpoint");
  assert.is(report.files.length, 4);
  assert.equal(report.mask, { layers: 4, heads: 8, bytes: 4 });
  assert.equal([report.config?.text.heads, report.config?.text.kvHeads], [8, 4]);
  assert.equal(Object.keys(report.bytes), ["BF16"]);
  assert.is(report.bytes.BF16, 2 * report.parameters);
});

test("lists the tensors of any other safetensors file", async () => {
  const path = "test/fixtures/qwen2audio/gqa/model-00001-of-00004.safetensors";
  const lines = (await here("inspect", path)).stdout.split("\n");
  assert.is(lines[2], "  tensors  16, 136.8 kB");
  assert.is(lines[5], "  audio_tower.conv1.weight                          BF16  [64, 128, 3]  49.2 kB");
  const report = JSON.parse((await here("inspect", path, "--json")).stdout) as TensorsReport;
  assert.is(report.tensors.length, 16);
  assert.equal(report.tensors[0], { name: "audio_tower.conv1.bias", dtype: "BF16", shape: [64], bytes: 128 });
});

test("what cannot be read is one line and exit code 1", async () => {
  for (const [path, message] of [
    ["nowhere", /expected to read 'nowhere', got nothing there/],
    ["src", /expected to read 'src\/config\.json', got nothing there/],
    ["package.json", /package\.json: expected a safetensors file/],
  ] as const) {
    const { code, stdout, stderr } = await here("inspect", path);
    assert.is(code, 1);
    assert.is(stdout, "");
    assert.match(stderr, message);
    assert.is(stderr.split("\n").length, 2);
  }
});

test.run();
