import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryStore, type Store } from "../../src/io/store.ts";
import { RunError } from "../../src/mask/errors.ts";
import { HeadMask } from "../../src/mask/head-mask.ts";
import { LEARN_DEFAULTS } from "../../src/mask/learn-settings.ts";
import { readMask } from "../../src/mask/mask-file.ts";
import { type RunConfig, RunFolder } from "../../src/mask/run.ts";
import { decodeState, encodeState, type LogLine, type RunState } from "../../src/mask/run-state.ts";
import { rejects, utf8 } from "../io/helpers.ts";

const HEADS = 6;
const CONFIG: RunConfig = {
  model: "models/demo",
  fingerprint: "49d2638ec8beee9e",
  adapter: "llvmpipe",
  data: "d".repeat(64),
  task: "gr",
  prompt: "",
  settings: LEARN_DEFAULTS,
  validation: null,
};

const values = (seed: number) => Float32Array.from({ length: HEADS }, (_, i) => Math.sin(seed + i) / 3);

const state = (step: number): RunState => ({
  step,
  lambda: 1e-4 * 1.1 ** step,
  misses: 2,
  logits: values(step),
  moments: { mean: values(step + 0.1), square: values(step + 0.2) },
  best: { step: 1, value: 100 / 3, logits: values(1) },
});

const line = (step: number) => ({ step, loss: 1 / step }) as LogLine;

/** A run of so many steps, each with a checkpoint. */
async function ran(steps: number): Promise<Store> {
  const store = memoryStore("runs/gr");
  const run = await RunFolder.open(store, CONFIG, HEADS);
  for (let step = 1; step <= steps; step++) {
    await run.append(line(step));
    await run.checkpoint(state(step));
  }
  return store;
}

const resume = (store: Store, config = CONFIG) => RunFolder.open(store, config, HEADS, { resume: true });

async function flip(store: Store, path: string, at: number): Promise<void> {
  const bytes = (await store.read(path))!;
  bytes[at]! ^= 1;
  await store.write(path, bytes);
}

test("a state comes back bit for bit, with the best mask and without", async () => {
  const { best: _, ...first } = state(12);
  for (const before of [state(12), first, { ...state(12), owed: line(12) }])
    assert.equal(await decodeState(await encodeState(before), "x", HEADS), before);
});

test("a run goes on from its last checkpoint; two are kept", async () => {
  const store = await ran(4);
  assert.equal(await store.list(), [
    "checkpoints/000003.safetensors",
    "checkpoints/000004.safetensors",
    "config.json",
    "log.jsonl",
  ]);
  const run = await resume(store);
  assert.equal([run.state, run.notes, run.safe], [state(4), [], 4]);
  await run.checkpoint(state(7));
  assert.equal((await store.list()).slice(0, 2), [
    "checkpoints/000004.safetensors",
    "checkpoints/000007.safetensors",
  ]);
});

test("a damaged checkpoint is said and the one before used; its steps leave the log", async () => {
  const size = (await (await ran(3)).read("checkpoints/000003.safetensors"))!.length;
  for (const at of [0, 9, 60, size - 70, size - 1]) {
    const store = await ran(3);
    await flip(store, "checkpoints/000003.safetensors", at);
    const run = await resume(store);
    assert.equal(run.state, state(2), `byte ${at}`);
    assert.match(
      run.notes.join(),
      /^run: checkpoints\/000003\.safetensors: expected a sound checkpoint, got .*; the one before is used$/,
    );
    assert.equal(
      (await run.log()).map(({ step }) => step),
      [1, 2],
    );
    await run.checkpoint(state(4));
    assert.equal((await store.list()).slice(0, 2), [
      "checkpoints/000002.safetensors",
      "checkpoints/000004.safetensors",
    ]);
  }
});

test("an empty or cut checkpoint is damaged too; with none sound the run is refused", async () => {
  const store = await ran(2);
  await store.write("checkpoints/000002.safetensors", new Uint8Array());
  assert.is((await resume(store)).state!.step, 1);
  const whole = (await store.read("checkpoints/000001.safetensors"))!;
  await store.write("checkpoints/000001.safetensors", whole.slice(0, -1));
  await rejects(
    () => resume(store),
    RunError,
    /expected a sound checkpoint in runs\/gr, got 2 damaged ones; delete its folder checkpoints to begin anew/,
  );
});

test("a checkpoint of another number of heads is none of this run", async () => {
  await rejects(
    async () => decodeState(await encodeState(state(1)), "x", HEADS + 1),
    RunError,
    /x: expected a sound checkpoint, got one without 7 logits and their moments/,
  );
});

test("a torn log loses its last line, and steps after the checkpoint are logged once", async () => {
  const store = await ran(2);
  await store.append("log.jsonl", utf8(`${JSON.stringify(line(3))}\n{"step":4,"lo`));
  const run = await resume(store);
  await run.append(line(3));
  assert.equal(await run.log(), [1, 2, 3].map(line));
  const text = new TextDecoder().decode(await store.read("log.jsonl"));
  assert.is(text.split("\n").length, 4);
});

test("a run killed before its first checkpoint begins again, with an empty log", async () => {
  const store = memoryStore();
  const run = await RunFolder.open(store, CONFIG, HEADS);
  await run.append(line(1));
  const again = await resume(store);
  assert.equal([again.state, await again.log(), again.safe], [undefined, [], 0]);
});

test("a step that owes its validation leaves the log, to be logged with it", async () => {
  const store = await ran(2);
  const run = await resume(store);
  await run.checkpoint({ ...state(3), owed: line(3) });
  await run.append(line(3));
  const again = await resume(store);
  assert.equal(again.state, { ...state(3), owed: line(3) });
  assert.equal(await again.log(), [1, 2].map(line));
});

test("a folder with a run is refused without resume; without a run resuming begins one and says so", async () => {
  await rejects(
    async () => RunFolder.open(await ran(1), CONFIG, HEADS),
    RunError,
    /expected no run in runs\/gr, got one; add --resume to go on with it, or choose another folder/,
  );
  const run = await resume(memoryStore("runs/new"));
  assert.equal(run.notes, ["run: nothing to resume in runs/new; a new run begins"]);
});

test("another run is refused, naming what differs; where the model is and how much is kept may", async () => {
  const store = await ran(1);
  const { settings } = CONFIG;
  const moved = { ...CONFIG, model: "/elsewhere", settings: { ...settings, keepBytes: 0 } };
  assert.is((await resume(store, moved)).state!.step, 1);
  assert.equal((await resume(store, { ...CONFIG, adapter: "H200" })).notes, [
    "run: begun on llvmpipe, it goes on with H200: its mask may differ from that one's",
  ]);
  const other: RunConfig = {
    ...CONFIG,
    fingerprint: "0123456789abcdef",
    data: "e".repeat(64),
    task: null,
    prompt: "name it",
    settings: { ...settings, steps: 9, rate: { ...settings.rate, peak: 0.5 }, budget: 3 },
    validation: { data: "f".repeat(64), metric: "wer", every: 2, patience: null },
  };
  await rejects(
    () => resume(store, other),
    RunError,
    /^run: expected runs\/gr to hold this run, got another \(/,
  );
  const message = await resume(store, other).catch((error: Error) => error.message);
  for (const difference of [
    'fingerprint "49d2638ec8beee9e" instead of "0123456789abcdef"',
    "data dddddddddddd… instead of eeeeeeeeeeee…",
    'task "gr" instead of none',
    'prompt "" instead of "name it"',
    "settings.steps 300 instead of 9",
    "settings.rate.peak 0.01 instead of 0.5",
    "settings.budget none instead of 3",
    'validation.metric none instead of "wer"',
  ])
    assert.ok(String(message).includes(difference), `${difference} in ${message}`);
});

test("a folder with the rest of a run, or a config that is none, is left alone", async () => {
  const store = await ran(1);
  await store.write("config.json", utf8("{"));
  await rejects(() => resume(store), RunError, /expected runs\/gr\/config\.json to describe a run/);
  await store.remove("config.json");
  await rejects(
    () => resume(store),
    RunError,
    /expected config\.json in runs\/gr, got a run's files without it; choose another folder/,
  );
  await rejects(() => RunFolder.open(store, CONFIG, HEADS), RunError, /expected no run/);
});

test("masks without a run are not written over", async () => {
  for (const name of ["mask.safetensors", "mask.bits", "best.safetensors"]) {
    const store = memoryStore("masks");
    await store.write(name, utf8("someone's"));
    await rejects(() => RunFolder.open(store, CONFIG, HEADS), RunError, /expected no run in masks, got one/);
    await rejects(() => resume(store), RunError, /expected config\.json in masks.*choose another folder/);
  }
});

test("masks are written as files that can be read", async () => {
  const store = memoryStore();
  const run = await RunFolder.open(store, CONFIG, HEADS);
  const mask = HeadMask.fromLogits(2, 3, values(2)).withMetadata({ task: "gr" });
  await run.writeMask(mask);
  await run.writeBest(mask);
  for (const name of ["mask.safetensors", "best.safetensors"]) {
    const read = await readMask((await store.read(name))!, name);
    assert.equal([read.logits, read.metadata], [mask.logits, { task: "gr" }]);
  }
  assert.equal(await store.read("mask.bits"), mask.toBits());
});

test.run();
