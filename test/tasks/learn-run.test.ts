import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import { DeviceLostError, type Gpu, openGpu } from "../../src/gpu/index.ts";
import { SourceError } from "../../src/io/source.ts";
import { memoryStore, type Store } from "../../src/io/store.ts";
import { LearnError, RunStoppedError } from "../../src/mask/errors.ts";
import type { StoredClip } from "../../src/mask/examples.ts";
import type { AudioLanguageModel } from "../../src/model/audio-model.ts";
import { GenerateError } from "../../src/model/errors.ts";
import { ClipCache } from "../../src/tasks/clip-cache.ts";
import { DataError, parseDataset, type Row } from "../../src/tasks/dataset.ts";
import { holdOut, type LearnData } from "../../src/tasks/learn-data.ts";
import { type LearnEvent, type Learned, type LearnRunOptions, learnRun } from "../../src/tasks/learn-run.ts";
import { loadClip } from "../../src/tasks/load-clips.ts";
import { rejects } from "../io/helpers.ts";
import { loadDemo, MODEL } from "../model/demo-model.ts";

const { rows: ROWS } = parseDataset(readText("models/demo/data/gr.learn.jsonl"), "gr");
const FOLDER = MODEL.replace(/model$/, "data");
const data = (rows: readonly Row[]): LearnData => ({ name: "gr", rows, clips: FOLDER });
const DATA = data(ROWS.slice(0, 3));
const OPTIONS: LearnRunOptions = {
  settings: { steps: 4, batch: 2, rate: { start: 0.1, peak: 1, end: 0.1, warmup: 0.5 } },
  validation: {
    ...data(ROWS.slice(3, 4)),
    clips: (row) => loadClip(model, row, FOLDER),
    metric: "exact",
    every: 2,
  },
  checkpointEvery: 1,
};

let gpu: Gpu;
let model: AudioLanguageModel;
const clips = memoryStore(); // embeddings, for all of the tests
const whole = memoryStore("whole");
let uninterrupted: Learned;

async function open(): Promise<void> {
  gpu = await openGpu();
  model = await loadDemo(gpu);
}

/** Learns, and says what happened; `on` sees each event. */
async function learn(
  store: Store,
  options: LearnRunOptions = {},
  on: (event: LearnEvent) => void = () => {},
  from = DATA,
): Promise<{ learned: Learned; events: LearnEvent[] }> {
  const events: LearnEvent[] = [];
  const cache = new ClipCache(model, clips);
  const course = learnRun(model, store, from, { cache, ...OPTIONS, ...options });
  for (;;) {
    const { value, done } = await course.next();
    if (done) return { learned: value, events };
    events.push(value);
    on(value);
  }
}

const onStep = (step: number, act: () => void) => (event: LearnEvent) => {
  if (event.kind === "step" && event.line.step === step) act();
};

const lines = async (store: Store) =>
  new TextDecoder()
    .decode(await store.read("log.jsonl"))
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text) as { step: number; validation?: number });

/** The masks are those of the run that was not interrupted, and each step is logged once. */
async function assertSame(store: Store): Promise<void> {
  for (const name of ["mask.safetensors", "mask.bits", "best.safetensors"])
    assert.equal(await store.read(name), await whole.read(name), name);
  assert.equal(
    (await lines(store)).map(({ step }) => step),
    [1, 2, 3, 4],
  );
}

test.before(async () => {
  await open();
  ({ learned: uninterrupted } = await learn(whole));
});
test.after(() => {
  model.dispose();
  gpu.dispose();
});

test("a run tells of its steps, and leaves masks, log and checkpoints", async () => {
  const { events, learned } = await learn(memoryStore());
  assert.equal(
    events.map(({ kind }) => kind),
    ["heard", "heard", "begin", "step", "step", "step", "step"],
  );
  assert.equal(learned.mask.logits, uninterrupted.mask.logits, "the same run twice");
  assert.equal(
    (await lines(whole)).map(({ validation }) => validation === undefined),
    [true, false, true, false],
  );
  assert.equal(await whole.list(), [
    "best.safetensors",
    "checkpoints/000003.safetensors",
    "checkpoints/000004.safetensors",
    "config.json",
    "log.jsonl",
    "mask.bits",
    "mask.safetensors",
  ]);
  const { fingerprint, metrics, settings } = learned.mask.metadata;
  assert.is(fingerprint, model.fingerprint);
  assert.is(JSON.parse(metrics!).step, 4);
  assert.is(JSON.parse(settings!).batch, 2);
  assert.is(JSON.parse(learned.best!.metadata.metrics!).exact, learned.state.best!.value);
});

test("the signal ends a run after its step; it goes on, and a finished one does nothing", async () => {
  const store = memoryStore();
  const abort = new AbortController();
  const options = { signal: abort.signal, checkpointEvery: 100 };
  await rejects(
    () =>
      learn(
        store,
        options,
        onStep(1, () => abort.abort(new RangeError("enough"))),
      ),
    RangeError,
    /^enough$/,
  );
  assert.equal(await store.list(), ["checkpoints/000001.safetensors", "config.json", "log.jsonl"]);
  const { events } = await learn(store, { resume: true, checkpointEvery: 100 });
  assert.equal(
    events.flatMap((event) => (event.kind === "step" ? event.line.step : [])),
    [2, 3, 4],
  );
  await assertSame(store);
  const { events: none } = await learn(store, { resume: true });
  assert.is(none.at(-1)!.kind, "begin");
  await assertSame(store);
});

test("a lost device is said with the way to go on, and the run goes on with another", async () => {
  const store = memoryStore("runs/lost");
  const stopped = await rejects(
    () =>
      learn(
        store,
        {},
        onStep(2, () => setTimeout(() => gpu.device.destroy(), 5)),
      ),
    RunStoppedError,
    /^gpu: the device was lost .*; the run is kept up to step [23] in runs\/lost: resume it$/,
  );
  assert.instance(stopped.cause, DeviceLostError);
  model.dispose();
  gpu.dispose();
  await open();
  await learn(store, { resume: true });
  await assertSame(store);
});

test("a full disk ends a run with the last checkpoint intact", async () => {
  for (const [method, path] of [
    ["write", "checkpoints/000003.safetensors"],
    ["append", "log.jsonl"],
    ["write", "mask.bits"],
  ] as const) {
    const store = memoryStore("runs/full");
    let appended = 0;
    const full = async (name: string) => {
      if (name === path && (name !== "log.jsonl" || ++appended === 3))
        throw new SourceError(`write: expected to write '${name}', got a full disk; free some space`);
    };
    const failing: Store = {
      ...store,
      [method]: async (name: string, bytes: Uint8Array) => {
        await full(name);
        await store[method](name, bytes);
      },
    };
    const stopped = await rejects(
      () => learn(failing),
      RunStoppedError,
      /got a full disk; free some space; the run is kept up to step [24] in runs\/full: resume it$/,
    );
    assert.instance(stopped.cause, SourceError);
    await learn(store, { resume: true });
    await assertSame(store);
  }
});

test("a loss that is no number stops the run, naming step and clip; the run is kept", async () => {
  class Broken extends ClipCache {
    override async stored(samples: readonly Float32Array[]) {
      const broken = async (clip: StoredClip) => {
        const { tokens, embeddings } = await clip.load();
        return { tokens, embeddings: embeddings.map(() => NaN) };
      };
      return (await super.stored(samples)).map((clip) => ({ ...clip, load: () => broken(clip) }));
    }
  }
  const store = memoryStore("runs/nan");
  const stopped = await rejects(
    () => learn(store, { cache: new Broken(model, clips) }),
    RunStoppedError,
    /^learn: expected a finite loss in step 1, got NaN for row \d \(.*speech-00\d\.flac\); .*; the run is kept up to step 0 in runs\/nan$/,
  );
  assert.instance(stopped.cause, LearnError);
  assert.equal(await store.list(), ["checkpoints/000000.safetensors", "config.json"]);
});

test("a validation that cannot be made keeps its step; smaller answers, and it goes on", async () => {
  const store = memoryStore("runs/unseen");
  const validation = { ...OPTIONS.validation!, maxNewTokens: 100_000 };
  const stopped = await rejects(
    () => learn(store, { validation }),
    RunStoppedError,
    /^generate: expected at most \d+ tokens .*; the run is kept up to step 2 in runs\/unseen: resume it with a smaller --eval-batch or --eval-max-new-tokens$/,
  );
  assert.instance(stopped.cause, GenerateError);
  assert.equal((await lines(store)).length, 1, "step 2 is logged once it is validated");
  const { events } = await learn(store, { resume: true });
  const told = events.flatMap((event) => (event.kind === "step" ? event.line.step : []));
  assert.equal(told, [2, 3, 4]);
  await assertSame(store);
});

test("a signal in a validation keeps its step too", async () => {
  const store = memoryStore();
  const abort = new AbortController();
  const aborting: Store = {
    ...store,
    async write(path, bytes) {
      await store.write(path, bytes);
      if (path === "checkpoints/000002.safetensors") abort.abort(new RangeError("enough"));
    },
  };
  await rejects(() => learn(aborting, { signal: abort.signal }), RangeError, /^enough$/);
  const { events } = await learn(store, { resume: true });
  assert.equal(
    events.flatMap((event) => (event.kind === "begin" ? event.step : [])),
    [1],
  );
  await assertSame(store);
});

test("a device lost in a validation keeps its step too", async () => {
  const store = memoryStore("runs/lost");
  const losing: Store = {
    ...store,
    async write(path, bytes) {
      await store.write(path, bytes);
      if (path === "checkpoints/000002.safetensors") gpu.device.destroy();
    },
  };
  const stopped = await rejects(
    () => learn(losing),
    RunStoppedError,
    /^gpu: the device was lost .*; the run is kept up to step 2 in runs\/lost: resume it$/,
  );
  assert.instance(stopped.cause, DeviceLostError);
  model.dispose();
  gpu.dispose();
  await open();
  await learn(store, { resume: true });
  await assertSame(store);
});

test("counts that are none are refused", async () => {
  const validation = OPTIONS.validation!;
  for (const [options, message] of [
    [{ checkpointEvery: 0 }, "checkpointEvery to be a whole number of at least 1, got 0"],
    [{ validation: { ...validation, every: 0.5 } }, "validation.every to be a whole .*, got 0.5"],
    [{ validation: { ...validation, patience: 0 } }, "validation.patience to be a whole .*, got 0"],
    [{ validation: { ...validation, batch: Number.NaN } }, "validation.batch to be a whole .*, got NaN"],
    [{ validation: { ...validation, maxNewTokens: 0 } }, "validation.maxNewTokens to be .*, got 0"],
  ] as const)
    await rejects(() => learn(memoryStore(), options), LearnError, RegExp(`^learn: expected ${message}`));
});

test("a store that can no longer be written to ends a run; put right, it goes on", async () => {
  const kept = memoryStore("runs/full");
  let full = false;
  const refuse = () =>
    Promise.reject(new SourceError("write: expected to write, got a full disk; free some space"));
  const store: Store = {
    ...kept,
    write: (path, bytes) => (full ? refuse() : kept.write(path, bytes)),
    append: (path, bytes) => (full ? refuse() : kept.append(path, bytes)),
  };
  const lose = onStep(2, () => {
    full = true;
  });
  const stopped = await rejects(
    () => learn(store, {}, lose),
    RunStoppedError,
    /^write: expected to write, got a full disk; .*kept up to step 2 in runs\/full: resume it$/,
  );
  assert.instance(stopped.cause, SourceError);
  full = false;
  await learn(store, { resume: true });
  await assertSame(store);
});

test("patience ends a run when validation gets no better", async () => {
  const still = { start: 1e-9, peak: 1e-9, end: 1e-9, warmup: 0 }; // the mask stays, and so does its score
  const settings = { ...OPTIONS.settings, steps: 9, batch: 1, rate: still };
  const validation = { ...OPTIONS.validation!, every: 1, patience: 2 };
  const store = memoryStore();
  const { learned } = await learn(store, { settings, validation });
  assert.equal([learned.state.step, learned.state.best!.step, learned.state.misses], [3, 3, 2]);
  assert.is((await store.list())[2], "checkpoints/000003.safetensors");
  const { events } = await learn(store, { settings, validation, resume: true });
  assert.is(events.at(-1)!.kind, "begin");
});

test("with a budget both masks keep exactly so many heads", async () => {
  const { learned } = await learn(memoryStore(), { settings: { ...OPTIONS.settings, steps: 2, budget: 20 } });
  assert.equal([learned.mask.count, learned.best!.count], [20, 20]);
});

test("rows that cannot be used are said and left out; with none left there is no run", async () => {
  const [row] = ROWS as [Row];
  const nowhere = { ...row, row: 7, audio: ["nowhere.flac"] };
  const long = { ...row, row: 8, text: "word ".repeat(3000) };
  const settings = { ...OPTIONS.settings, steps: 1 };
  const mixed = data([nowhere, row, long]);
  const { events } = await learn(memoryStore(), { settings }, () => {}, mixed);
  const unheard = events.flatMap((event) => (event.kind === "unheard" ? event : []));
  assert.equal(
    unheard.map(({ data: name, row: at }) => [name, at]),
    [
      ["gr", 7],
      ["gr", 8],
    ],
  );
  assert.match(unheard[1]!.reason, /expected at most \d+ tokens/);
  await rejects(
    () => learn(memoryStore(), {}, () => {}, data([nowhere])),
    DataError,
    /^data: gr: expected a row that can be used, got none/,
  );
});

test("a tenth is held out, at least one row, as the seed says", () => {
  const { learn: rest, validate } = holdOut(ROWS.slice(0, 40), 1);
  assert.is(validate.length, 4);
  assert.equal(
    [...rest, ...validate].sort((a, b) => a.row - b.row),
    ROWS.slice(0, 40),
  );
  assert.not.equal(holdOut(ROWS.slice(0, 40), 2).validate, validate);
  assert.is(holdOut(ROWS.slice(0, 2), 0).validate.length, 1);
  assert.throws(() => holdOut(ROWS.slice(0, 1), 0), /two rows or more to hold out one/);
});

test.run();
