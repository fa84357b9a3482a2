import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Run } from "../../web/src/engine/engine.ts";
import { openSite, type Site } from "./site.ts";

const STEPS = 8;
const REQUEST = { task: "asr", steps: STEPS, batch: 1, rate: 0.5, seed: 3 };

const test = suite("engine, learning");
let site: Site;
let page: Page;
let whole: Run;

test.before(async () => {
  site = await openSite();
  page = await site.open();
  await load(page);
});
test.after(() => site.close());

const load = (page: Page) =>
  page.evaluate(async () => {
    await engine.start(() => {});
    return await engine.load({ kind: "url", url: "demo/model" }, () => {});
  });

/** Rows of clips that are heard now. */
const heardRows = (page: Page) =>
  page.evaluate(async () => {
    const rows: { clip: string; text: string }[] = [];
    for (const [name, text] of [
      ["speech-000", "how is the weather in paris today"],
      ["speech-001", "play jazz music in the garden"],
    ] as const) {
      const { id } = await engine.hear(await fetchFile(`demo/clips/learn/${name}.flac`));
      rows.push({ clip: id, text });
    }
    return rows;
  });

const logits = (run: Run) => Buffer.from(Object.values(run.mask ?? {})).toString("base64");

test("a run learns, tells of each step, and ends with a mask", async () => {
  const { run, steps } = await page.evaluate(
    async ([request, rows]) => {
      const steps: number[] = [];
      const run = await engine.learn({ ...request, run: "whole", rows }, (event) => {
        if (event.kind === "step") steps.push(event.step, event.logits.length);
      });
      return { run, steps };
    },
    [REQUEST, await heardRows(page)] as const,
  );
  whole = run;
  assert.equal(steps, Array.from({ length: STEPS }, (_, i) => [i + 1, 64]).flat());
  assert.equal([run.step, run.losses.length, run.task], [STEPS, STEPS, "asr"]);
});

test("a page loaded again in the middle goes on with no help, to the same mask bit for bit", async () => {
  const rows = await heardRows(page);
  await page.evaluate(
    ([request, rows]) =>
      new Promise<void>((resolve) => {
        const at7 = (event: { kind: string; step?: number }) => event.step === 7 && resolve();
        void engine.learn({ ...request, run: "broken", rows }, at7);
      }),
    [REQUEST, rows] as const,
  );
  await page.reload();
  await page.waitForFunction(() => "engine" in globalThis);
  const again = await load(page);
  assert.is(again.fetchedBytes, 0, "the model was kept");
  const { run, begun } = await page.evaluate(async () => {
    let begun = -1;
    const run = await engine.learn({ run: "broken" }, (event) => {
      if (event.kind === "begin") begun = event.step;
    });
    return { run, begun };
  });
  assert.ok(begun >= 5 && begun <= 7, `it goes on after step ${begun}`);
  assert.equal(logits(run), logits(whole));
  assert.equal(run.losses, whole.losses);
  const clips = await page.evaluate(async () => {
    let folder = await navigator.storage.getDirectory();
    for (const name of ["runs", "broken", "clips"]) folder = await folder.getDirectoryHandle(name);
    const names: string[] = [];
    const keys = (folder as unknown as { keys(): AsyncIterable<string> }).keys();
    for await (const name of keys) names.push(name);
    return names;
  });
  assert.equal(clips, [], "a run that is done keeps no clips");
});

test("a run is paused, answers come between its steps, and no other tab may take it", async () => {
  const other = await site.open({ context: page.context() });
  await load(other);
  const rows = await heardRows(page);
  const stopAndLook = page.evaluate(
    async ([request, rows]) => {
      const controller = new AbortController();
      let answered = "";
      const run = await engine.learn(
        { ...request, run: "paused", steps: 1000, rows },
        (event) => {
          if (event.kind !== "step" || event.step !== 2) return;
          document.title = "learning";
          const answer = engine.answer({ clip: rows[0]!.clip, conditions: [{}] }, () => {});
          const asked = new Promise((resolve) => globalThis.addEventListener("pause", resolve));
          void Promise.all([answer, asked]).then(([{ texts }]) => {
            answered = texts[0] ?? "";
            controller.abort();
          });
        },
        controller.signal,
      );
      return { run, answered };
    },
    [REQUEST, rows] as const,
  );
  await page.waitForFunction(() => document.title === "learning");
  const refused = await other.evaluate(() =>
    engine
      .learn({ run: "paused" }, () => {})
      .then(
        () => "nothing",
        ({ name, message }) => `${name}: ${message}`,
      ),
  );
  assert.match(refused, /^RunError: run: expected 'paused' to be at rest, got one that is learning/);
  await page.evaluate(() => globalThis.dispatchEvent(new Event("pause")));
  const { run, answered } = await stopAndLook;
  assert.ok(run.step >= 2 && run.step < 1000 && run.losses.length === run.step);
  assert.is(answered, "how is the weather in paris today");
  const kept = await other.evaluate(() => engine.kept());
  assert.equal(kept.runs.map(({ name, step }) => [name, step]).sort(), [
    ["broken", STEPS],
    ["paused", run.step],
    ["whole", STEPS],
  ]);
  assert.equal(
    kept.models.map(({ whole }) => whole),
    [true],
  );
});

test("what is kept is forgotten: a damaged run, a model, all", async () => {
  const damaged = await page.evaluate(async () => {
    let folder = await navigator.storage.getDirectory();
    for (const name of ["runs", "broken"]) folder = await folder.getDirectoryHandle(name);
    const file = await (await folder.getFileHandle("request.json")).createWritable();
    await file.write('{"torn');
    await file.close();
    const { runs, damaged } = await engine.kept();
    return { runs: runs.map(({ name }) => name).sort(), damaged };
  });
  assert.equal(damaged.runs, ["paused", "whole"]);
  assert.equal(
    damaged.damaged.map(({ name, reason }) => [name, /JSON/.test(reason)]),
    [["broken", true]],
  );
  const kept = await page.evaluate(async () => {
    await engine.forget({ run: "broken" });
    const one = (await engine.kept()).damaged;
    await engine.forget("all");
    const { models, runs } = await engine.kept();
    return { one, models, runs };
  });
  assert.equal(kept, { one: [], models: [], runs: [] });
  const error = await page.evaluate(() => engine.learn({ run: "gone" }, () => {}).catch((e) => e.message));
  assert.match(error, /expected a run 'gone' that is kept here, got none/);
});

test("rows from an address: a bad one is said, the others are learned from", async () => {
  await page.route("**/demo/data/few.jsonl", (route) =>
    route.fulfill({
      body: [
        '{"audio": "../clips/learn/speech-000.flac", "text": "how is the weather in paris today"}',
        '{"audio": "../clips/learn/nowhere.flac", "text": "nothing"}',
        '{"audio": 3}',
      ].join("\n"),
    }),
  );
  const { run, notes } = await page.evaluate(async (request) => {
    const notes: string[] = [];
    const rows = { url: "demo/data/few.jsonl" };
    const run = await engine.learn({ ...request, run: "web", steps: 2, rows }, (event) => {
      if (event.kind === "note") notes.push(event.text);
    });
    return { run, notes };
  }, REQUEST);
  assert.is(run.step, 2);
  assert.match(notes.join("\n"), /row 3/);
  assert.match(notes.join("\n"), /row 2 is left out: .*nowhere\.flac/);
});

test.run();
