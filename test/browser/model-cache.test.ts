/** Models kept by a browser: offline, after a kill, in two tabs, with little room, from servers of all kinds. */
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { utf8 } from "../io/helpers.ts";
import { serve } from "../io/server.ts";
import { launchChromium, spawnChromium } from "./chromium.ts";
import { listen, openSite, type Site } from "./site.ts";

const PIECE = 16 * 1024 * 1024;
const SIZE = 2 * PIECE + 1000;
const weights = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31) >> 7);
const MODEL = serve({ "config.json": utf8('{"x": 1}'), "model.safetensors": weights });

/** As a server for pages from elsewhere does it. */
const shared =
  (answer: RequestListener, log: string[] = []): RequestListener =>
  (request, response) => {
    log.push([request.url, request.headers.range].filter(Boolean).join(" "));
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-expose-headers", "content-range");
    answer(request, response);
  };

/** Asks for more than the first byte. */
const isPart = ({ headers }: IncomingMessage) => /bytes=\d+-\d{2,}/.test(headers.range ?? "");

let browser: Browser;
let site: Site;
let context: BrowserContext;
let page: Page;

test.before(async () => {
  [browser, site] = await Promise.all([launchChromium(), openSite()]);
});
test.after(async () => {
  await browser?.close();
  await site?.close();
});
test.before.each(async () => {
  context = await browser.newContext();
  page = await openPage(context);
});
test.after.each(() => context.close());

async function openPage(where: BrowserContext): Promise<Page> {
  const opened = await where.newPage();
  await opened.goto(site.url);
  await opened.waitForFunction(() => "ahamask" in globalThis);
  return opened;
}

/** In a page: reads a model as a load does, and tells what came of it. */
async function load(url: string) {
  const cache = new ahamask.ModelCache(ahamask.openStore("models"));
  const folder = await cache.folder(ahamask.httpFolder(url));
  try {
    const config = (await folder.has("config.json")) && (await folder.text("config.json"));
    const index = await folder.has("model.safetensors.index.json");
    const source = await folder.open("model.safetensors");
    let sum = 0;
    for (let at = 0; at < source.size; at += 10_000_000) {
      const bytes = await source.read(at, Math.min(10_000_000, source.size - at));
      for (const byte of bytes) sum = (sum * 31 + byte) >>> 0;
    }
    await source.close();
    await folder.markWhole();
    return { config, index, sum, traffic: folder.traffic, notKept: folder.notKept, kept: await cache.kept() };
  } catch (error) {
    return { error: (error as Error).message, traffic: folder.traffic, kept: await cache.kept() };
  }
}

const SUM = weights.reduce((sum, byte) => (sum * 31 + byte) >>> 0, 0);
const read = { config: '{"x": 1}', index: false, sum: SUM };
const kept = (url: string) => [{ url: `${url}/`, bytes: SIZE + 8, whole: true }];

test("a second visit needs no network", async () => {
  const log: string[] = [];
  const model = await listen(shared(MODEL, log));
  const first = await page.evaluate(load, model.url);
  assert.equal(first, {
    ...read,
    traffic: { fetched: SIZE, kept: 0 },
    notKept: undefined,
    kept: kept(model.url),
  });
  log.length = 0;
  await page.close();
  page = await openPage(context);
  const second = { ...read, traffic: { fetched: 0, kept: SIZE }, notKept: undefined, kept: kept(model.url) };
  assert.equal(await page.evaluate(load, model.url), second);
  assert.equal(log, []);
  await model.close();
  assert.equal(await page.evaluate(load, model.url), second);
  await page.evaluate(() => new ahamask.ModelCache(ahamask.openStore("models")).clear());
  const gone = await page.evaluate(load, model.url);
  assert.match(gone.error ?? "", /config.json, got no answer: no connection, a wrong address, or .*CORS/);
  assert.equal(gone.kept, []);
});

test("a browser that is killed while it loads goes on where it was", async () => {
  const profile = await mkdtemp(join(tmpdir(), "ahamask-profile-"));
  let parts = 0;
  const model = await listen(
    shared((request, response) => {
      if (isPart(request) && ++parts === 2) return void killSoon(); // and no answer
      MODEL(request, response);
    }),
  );
  let killSoon = () => {};
  try {
    const first = await spawnChromium(profile);
    const killed = new Promise<void>((resolve) => {
      killSoon = () => setTimeout(() => resolve(first.kill()), 300);
    });
    const early = await openPage(first.browser.contexts()[0]!);
    early.evaluate(load, model.url).catch(() => {}); // its end is the browser's
    await killed;
    const second = await spawnChromium(profile);
    try {
      const late = await openPage(second.browser.contexts()[0]!);
      const before = await late.evaluate(() => new ahamask.ModelCache(ahamask.openStore("models")).kept());
      assert.equal(before, [{ url: `${model.url}/`, bytes: PIECE + 8, whole: false }]);
      const { traffic, notKept, ...rest } = await late.evaluate(load, model.url);
      assert.equal(traffic, { fetched: SIZE - PIECE, kept: PIECE });
      assert.equal(rest, { ...read, kept: kept(model.url) });
      assert.is(notKept, undefined);
    } finally {
      await second.kill();
    }
  } finally {
    await model.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});

test("two tabs at once: each piece comes once, both read the same", async () => {
  const log: string[] = [];
  const model = await listen(shared(MODEL, log));
  const other = await openPage(context);
  const both = await Promise.all([page.evaluate(load, model.url), other.evaluate(load, model.url)]);
  for (const { config, index, sum } of both) assert.equal({ config, index, sum }, read);
  assert.is(both[0].traffic.fetched + both[1].traffic.fetched, SIZE);
  assert.equal(await page.evaluate(load, model.url).then((after) => after.kept), kept(model.url));
  await model.close();
});

test("too little room: the model is read over the network, and it is said", async () => {
  const model = await listen(shared(MODEL));
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: site.url, quotaSize: 20_000_000 });
  const first = await page.evaluate(load, model.url);
  assert.equal([first.config, first.sum], [read.config, SUM]);
  assert.match(first.notKept ?? "", /got no room: .* delete what is kept here, or free some of the disk$/);
  assert.equal(
    first.kept?.map(({ whole }) => whole),
    [false],
  );
  await session.send("Storage.overrideQuotaForOrigin", { origin: site.url });
  const second = await page.evaluate(load, model.url);
  assert.equal([second.sum, second.traffic.kept, second.kept], [SUM, PIECE, kept(model.url)]);
  await model.close();
});

test("no private file system: the model is read over the network, and it is said", async () => {
  const model = await listen(shared(MODEL));
  await page.evaluate(() => {
    StorageManager.prototype.getDirectory = async () => {
      throw new DOMException("denied", "SecurityError"); // as some browsers do in private windows
    };
  });
  const told = await page.evaluate(async (url) => {
    const cache = new ahamask.ModelCache(ahamask.openStore("models"));
    const folder = await cache.folder(ahamask.httpFolder(url));
    const source = await folder.open("model.safetensors");
    return { bytes: [...(await source.read(20_000_000, 4))], notKept: folder.notKept };
  }, model.url);
  assert.equal(told.bytes, [...weights.subarray(20_000_000, 20_000_004)]);
  assert.match(told.notKept ?? "", /got a browser that keeps nothing for this site; allow it/);
  await model.close();
});

test("a server that refuses pages from elsewhere", async () => {
  const model = await listen(MODEL);
  const { error } = await page.evaluate(load, model.url);
  assert.match(
    error ?? "",
    /^http: expected http.*config.json, got no answer: .*\(CORS\); serve the files from this page/,
  );
  await model.close();
});

test("a server without Range: the file comes whole, once, and is read from the browser", async () => {
  const log: string[] = [];
  const whole: RequestListener = (request, response) => {
    delete request.headers.range;
    MODEL(request, response);
  };
  const model = await listen(shared(whole, log));
  const { traffic, notKept, ...first } = await page.evaluate(load, model.url);
  assert.equal([first, notKept], [{ ...read, kept: kept(model.url) }, undefined]);
  assert.is(traffic.fetched, SIZE);
  await model.close();
  assert.is((await page.evaluate(load, model.url)).sum, SUM);
});

test("a damaged piece is fetched again; where that cannot be, it is said", async () => {
  const model = await listen(shared(MODEL));
  await page.evaluate(load, model.url);
  const damage = () =>
    page.evaluate(async () => {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle("models");
      for await (const folder of root.values())
        for await (const file of (folder as FileSystemDirectoryHandle).values())
          if (file.name.endsWith(".1")) {
            const writable = await (file as FileSystemFileHandle).createWritable({ keepExistingData: true });
            await writable.write({ type: "write", position: 12_345, data: new Uint8Array([1, 2, 3]) });
            await writable.close();
          }
    });
  await damage();
  const mended = await page.evaluate(load, model.url);
  assert.equal([mended.sum, mended.traffic], [SUM, { fetched: PIECE, kept: SIZE - PIECE }]);
  await damage();
  await model.close();
  assert.match((await page.evaluate(load, model.url)).error ?? "", /model.safetensors, got no answer/);
});

test("a connection that breaks in the middle is taken up again", async () => {
  let breaks = 2;
  const model = await listen(
    shared((request, response) => {
      if (!isPart(request) || breaks-- <= 0) return MODEL(request, response);
      response.writeHead(206, { "content-length": PIECE, "content-range": `bytes 0-${PIECE - 1}/${SIZE}` });
      response.write(weights.subarray(0, 100_000), () => response.destroy());
    }),
  );
  assert.is((await page.evaluate(load, model.url)).sum, SUM);
  await model.close();
});

test.run();
