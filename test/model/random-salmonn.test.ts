import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeRandomSalmonn } from "../../scripts/random-salmonn.ts";
import { openGpu } from "../../src/gpu/index.ts";
import {
  type AudioLanguageModel,
  type EncodedClip,
  type LoraPlace,
  loadModel,
} from "../../src/model/index.ts";

const folder = mkdtempSync(join(tmpdir(), "salmonn-"));
const gpu = await openGpu();
test.after(() => {
  model.dispose();
  gpu.dispose();
  rmSync(folder, { recursive: true });
});
writeRandomSalmonn(folder, 7);

/** All files' bytes in one number. */
function digest(of: string): string {
  const hash = createHash("sha256");
  for (const file of (readdirSync(of, { recursive: true }) as string[]).sort())
    if (statSync(join(of, file)).isFile()) hash.update(file).update(readFileSync(join(of, file)));
  return hash.digest("hex");
}

test("a seed's files are always the same", () => {
  const again = mkdtempSync(join(tmpdir(), "salmonn-"));
  try {
    writeRandomSalmonn(again, 7);
    assert.is(digest(again), digest(folder));
    writeRandomSalmonn(again, 8);
    assert.is.not(digest(again), digest(folder));
  } finally {
    rmSync(again, { recursive: true });
  }
});

test("the command names what is wrong with its arguments", () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ["scripts/tiny-salmonn.js", ...args], { encoding: "utf8" });
  for (const [args, message] of [
    [[], /^tiny-salmonn: expected one folder, got 0$/m],
    [[folder, "--seed", "x"], /^tiny-salmonn: expected --seed to be a whole number, got x$/m],
  ] as const) {
    const { status, stderr } = run(...args);
    assert.is(status, 2);
    assert.match(stderr, message);
  }
});

const samples = Float32Array.from({ length: 16_000 }, (_, i) => 0.3 * Math.sin(i * i * 1e-5));
const model = await loadModel(gpu, folder);
const [clip] = (await model.encode([samples])) as [EncodedClip];

test("it hears 88 tokens of a sound and answers", async () => {
  assert.is(clip.tokens, 88);
  const size = Math.sqrt(clip.embeddings.reduce((sum, v) => sum + v * v, 0) / clip.embeddings.length);
  assert.ok(size > 0.5 && size < 2, `embeddings of size ${size}`);
  const [answer] = await model.answer([{ audio: clip, prompt: "What?" }], { maxNewTokens: 12 });
  assert.ok(answer!.stopped || answer!.tokens.length === 12);
});

test("its LoRA may be merged when it is loaded; without it, it says something else", async () => {
  const yaml = readFileSync(join(folder, "config.yaml"), "utf8");
  writeFileSync(join(folder, "plain.yaml"), yaml.replace("lora: True", "lora: False"));
  const first = async (model: AudioLanguageModel) => {
    const options = { maxNewTokens: 1, beams: 1, logits: true };
    for await (const { logits } of model.stream([{ audio: clip }], options)) return logits!;
    throw new Error("expected a token, got none");
  };
  const want = await first(model);
  const largest = Math.max(...want.map(Math.abs));
  const off = async (file: string, lora: LoraPlace) => {
    using other = await loadModel(gpu, join(folder, file), { lora });
    const got = await first(other);
    return Math.max(...got.map((v, i) => Math.abs(v - want[i]!))) / largest;
  };
  assert.is(await off("config.yaml", "beside"), 0);
  const merged = await off("config.yaml", "merge");
  assert.ok(merged > 0 && merged < 5e-3, `merged: ${merged}`);
  const without = await off("plain.yaml", "beside");
  assert.ok(without > 0.1, `without: ${without}`);
});

test.run();
