import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LOSE } from "./lose.ts";
import { openSite, type Site } from "./site.ts";

const TEXT = "set the heat in the bedroom to twenty";

const test = suite("engine, a device lost");
let site: Site;
let page: Page;

test.before(async () => {
  site = await openSite();
  page = await site.open({ workerPrefix: LOSE });
  await page.evaluate(async () => {
    const lose = new BroadcastChannel("lose");
    const told: string[] = [];
    Object.assign(globalThis, { lose: (how = "") => lose.postMessage(how), told });
    await engine.start(({ kind }) => kind !== "memory" && told.push(kind));
    await engine.load({ kind: "url", url: "demo/model" }, () => {});
    globalThis.clip = (await engine.hear(await fetchFile("demo/clips/eval/speech-000.flac"))).id;
  });
});
test.after(() => site.close());

declare global {
  var lose: (how?: string) => void;
  var told: string[];
  var clip: string;
}

test("in the middle of an answer: it is said, and the answer begins anew and is the same", async () => {
  const { texts, restarts, afterwards, events } = await page.evaluate(async () => {
    let [pieces, restarts, afterwards] = [0, 0, ""];
    const { texts } = await engine.answer({ clip, conditions: [{}, { prompt: "Transcribe." }] }, (piece) => {
      if (piece === "restart") {
        restarts++;
        afterwards = "";
      } else if (piece.row === 0) afterwards += piece.text;
      if (pieces++ === 0) lose();
    });
    return { texts, restarts, afterwards, events: told.splice(0) };
  });
  assert.equal(texts, [TEXT, TEXT]);
  assert.is(restarts, 1);
  assert.is(afterwards, TEXT);
  assert.equal(events, ["lost", "recovered"]);
});

test("while nobody uses it: there is a new one before anybody asks", async () => {
  const { events, texts } = await page.evaluate(async () => {
    lose();
    while (!told.includes("recovered")) await new Promise((resolve) => setTimeout(resolve, 50));
    const { texts } = await engine.answer({ clip, conditions: [{}] }, (piece) => {
      if (piece === "restart") told.push("restart");
    });
    return { events: told.splice(0), texts };
  });
  assert.equal(events, ["lost", "recovered"]);
  assert.equal(texts, [TEXT]);
});

test("while learning, in a step or in an answer between two: the run goes on, to the same mask", async () => {
  const [whole, ...broken] = await page.evaluate(async () => {
    const rows = [{ clip, text: "set the heat in the bedroom to twenty" }];
    const request = { task: "asr", rows, steps: 4, batch: 1, rate: 0.5, seed: 3 };
    const whole = await engine.learn({ ...request, run: "whole" }, () => {});
    let losses = 0;
    const inStep = await engine.learn({ ...request, run: "in a step" }, (event) => {
      if (event.kind === "step" && event.step === 2 && losses++ === 0) lose();
    });
    const inAnswer = await engine.learn({ ...request, run: "in an answer" }, (event) => {
      if (event.kind !== "step" || event.step !== 1 || losses++ > 1) return;
      let pieces = 0;
      void engine.answer({ clip, conditions: [{}] }, () => pieces++ === 0 && lose());
    });
    return [whole, inStep, inAnswer].map(({ mask, losses }) => ({ mask: [...(mask ?? [])], losses }));
  });
  assert.equal(await page.evaluate(() => told.splice(0)), ["lost", "recovered", "lost", "recovered"]);
  for (const run of broken) assert.equal(run, whole);
});

test("by the death of the browser's GPU process, in the middle of an answer", async () => {
  await page.exposeFunction("crashGpu", async () => {
    const session = await site.browser.newBrowserCDPSession();
    await session.send("Browser.crashGpuProcess");
  });
  const { texts, events } = await page.evaluate(async () => {
    const { crashGpu } = globalThis as unknown as { crashGpu: () => Promise<void> };
    let pieces = 0;
    const { texts } = await engine.answer({ clip, conditions: [{}] }, () => {
      if (pieces++ === 0) void crashGpu();
    });
    return { texts, events: told.splice(0) };
  });
  assert.equal(texts, [TEXT]);
  assert.equal(events, ["lost", "recovered"]);
});

test("for good, while nobody uses it: it is said that it does not come back", async () => {
  const messages = await page.evaluate(async () => {
    const messages: string[] = [];
    await engine.start((event) => {
      if (event.kind === "unrecovered") messages.push(event.message);
    });
    lose("for good");
    while (messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    return messages;
  });
  assert.match(messages[0]!, /^openGpu: expected a WebGPU adapter, got none/);
  assert.equal(await page.evaluate(() => told), ["lost", "unrecovered"]);
});

test.run();
