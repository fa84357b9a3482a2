import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import { type Gpu, openGpu } from "../../src/gpu/index.ts";
import { memoryStore } from "../../src/io/store.ts";
import { HeadMask } from "../../src/mask/head-mask.ts";
import type { AudioLanguageModel } from "../../src/model/audio-model.ts";
import { ClipCache } from "../../src/tasks/clip-cache.ts";
import { DataError, parseDataset, type Row } from "../../src/tasks/dataset.ts";
import {
  type Evaluated,
  type EvaluateOptions,
  evalItems,
  evaluate,
  type Unheard,
} from "../../src/tasks/evaluate.ts";
import { loadClip } from "../../src/tasks/load-clips.ts";
import { rejects } from "../io/helpers.ts";
import { demoClip, demoMask, expected, loadDemo, MODEL } from "../model/demo-model.ts";

const DATA = MODEL.replace(/model$/, "data");

let gpu: Gpu;
let model: AudioLanguageModel;
test.before(async () => {
  gpu = await openGpu();
  model = await loadDemo(gpu);
});
test.after(() => {
  model.dispose();
  gpu.dispose();
});

const rows = (...audio: (readonly string[])[]): Row[] =>
  audio.map((files, i) => ({ row: i + 1, audio: files, text: "x" }));

async function all(results: AsyncIterable<Evaluated | Unheard>): Promise<(Evaluated | Unheard)[]> {
  const list: (Evaluated | Unheard)[] = [];
  for await (const result of results) list.push(result);
  return list;
}

test("answers as transformers does, under an instruction, a mask and none, and names what cannot be heard", async () => {
  const set = parseDataset(readText("models/demo/data/asr.eval.jsonl"), "asr.eval.jsonl");
  const [first, second] = set.rows as [Row, Row];
  const items = evalItems(model, [first, { ...first, row: 90, audio: ["nowhere.flac"] }, second], DATA);
  const { prompt, text, tokens } = expected("speech-000", "instruction", "asr");
  const conditions = [
    { name: "instruction", prompt },
    { name: "mask", prompt: "", mask: await demoMask("masks/pytorch/gr.safetensors") },
    { name: "none" },
  ];
  const store = memoryStore();
  const cache = new ClipCache(model, store);
  const results = await all(evaluate(model, items, conditions, { batch: 2, cache }));
  assert.is((await store.list()).length, 2);
  assert.match((results[0] as Unheard).reason, /nowhere\.flac'?, got (nothing there|status 404)/);
  assert.equal(results[1], {
    row: 1,
    condition: "instruction",
    hypothesis: text,
    reference: "set the heat in the bedroom to twenty",
    tokens,
    stopped: true,
  });
  const answers = results.slice(1) as Evaluated[];
  assert.equal(
    answers.map(({ row, condition }) => `${row} ${condition}`),
    ["1 instruction", "1 mask", "1 none", "2 instruction", "2 mask", "2 none"],
  );
  for (const { row, condition, hypothesis } of answers) {
    if (condition === "instruction") continue; // speech-001 was asked in other words
    const clip = `speech-00${row - 1}`;
    const [kind, task] = condition === "mask" ? (["mask", "gr"] as const) : (["none", null] as const);
    assert.is(hypothesis, expected(clip, kind, task).text);
  }
  assert.is(answers[3]!.hypothesis, second.text);

  // From the store, without encoding.
  const frozen = Object.assign(Object.create(model) as AudioLanguageModel, {
    encode: () => assert.unreachable("encoded again"),
  });
  const again = new ClipCache(frozen, store);
  assert.equal(await all(evaluate(model, items, conditions, { cache: again, batch: 2 })), results);
});

test("an item's own question is asked where the condition has none; answers can be cut off", async () => {
  const { prompt, text, tokens } = expected("speech-000", "instruction", "gr");
  const row = { row: 1, audio: ["../clips/eval/speech-000.flac"], text: "female", question: prompt };
  const ask = async (condition: { name: string; prompt?: string }, options: EvaluateOptions = {}) =>
    (await all(evaluate(model, evalItems(model, [row], DATA), [condition], options)))[0] as Evaluated;
  assert.is((await ask({ name: "own" })).hypothesis, text);
  assert.is.not((await ask({ name: "none", prompt: "" })).hypothesis, text);
  const cut = await ask({ name: "own" }, { maxNewTokens: 1 });
  assert.equal([cut.tokens, cut.stopped], [tokens.slice(0, 1), false]);
});

test("clips of several files are joined with 0.1 s of silence and cut to the window", async () => {
  const files = ["../clips/eval/speech-000.flac", "../clips/eval/sound-055.flac"];
  const one = await demoClip("clips/eval/speech-000.flac");
  const two = await demoClip("clips/eval/sound-055.flac");
  const load = async (...names: string[]) => {
    const clip = await loadClip(model, rows(names)[0]!, DATA);
    return "samples" in clip ? clip.samples : assert.unreachable(clip.reason)!;
  };
  assert.equal(await load(files[0]!), one);
  const joined = await load(...files);
  assert.equal(joined.subarray(0, one.length), one);
  const gap = one.length + 1600;
  assert.ok(joined.subarray(one.length, gap).every((sample) => sample === 0));
  assert.equal(joined.subarray(gap), two.subarray(0, joined.length - gap));
  assert.is(joined.length, Math.min(gap + two.length, 3 * 16_000));
  assert.is((await load(...files, ...files)).length, 3 * 16_000);
});

test("a file that is no sound is a reason", async () => {
  const clip = await loadClip(model, rows(["../README.md"])[0]!, DATA);
  assert.match(
    "reason" in clip ? clip.reason : "",
    /README\.md: expected a WAV, FLAC, MP3 or Ogg Vorbis file/,
  );
});

test("what is wrong is said before anything is answered", async () => {
  const items = evalItems(model, rows(["nowhere"]), DATA);
  await rejects(() => all(evaluate(model, items, [{ name: "x" }], { batch: 0 })), DataError, /got 0/);
  const mask = HeadMask.all(2, 2);
  await rejects(() => all(evaluate(model, items, [{ name: "x", mask }])), Error, /expected 8 × 8 heads/);
  const signal = AbortSignal.abort(new Error("stop"));
  await rejects(() => all(evaluate(model, items, [{ name: "x" }], { signal })), Error, /^stop$/);
});

test.run();
