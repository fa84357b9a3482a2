/** The store in a browser's private file system, in a page and in a worker. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { launchChromium } from "./chromium.ts";
import { openSite, type Site } from "./site.ts";

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
  page = await openPage();
});
test.after.each(() => context.close());

async function openPage(): Promise<Page> {
  const opened = await context.newPage();
  await opened.goto(site.url);
  await opened.waitForFunction(() => "ahamask" in globalThis);
  return opened;
}

/** What a store does, told as text. */
async function useStore(): Promise<unknown> {
  const store = ahamask.openStore("runs/asr");
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
  const told: unknown[] = [store.name, await store.list(), (await store.read("log.jsonl")) === undefined];
  await store.remove("log.jsonl");
  await store.append("log.jsonl", utf8("one\n"));
  await store.append("log.jsonl", utf8("two\n"));
  await store.write("checkpoints/100.bin", utf8("old"));
  await store.write("checkpoints/100.bin", utf8("new"));
  await store.write("checkpoints/9.bin", utf8(""));
  told.push(text(await store.read("log.jsonl")), text(await store.read("checkpoints/100.bin")));
  told.push(text(await store.read("checkpoints/9.bin")), await store.list());
  const part = (await store.open("log.jsonl"))!;
  told.push(part.size, text(await part.read(4, 3)), (await store.open("none")) === undefined);
  await store.rename("log.jsonl", "checkpoints/100.bin");
  await store.rename("checkpoints/9.bin", "old/9.bin");
  told.push(text(await store.read("checkpoints/100.bin")), await store.list());
  await store.remove("old/9.bin");
  told.push(
    await store.list(),
    await ahamask.openStore("runs").list(),
    await ahamask.openStore("other").list(),
  );
  return told;
}

const USED = [
  ...["runs/asr", [], true],
  ...["one\ntwo\n", "new"],
  ...["", ["checkpoints/100.bin", "checkpoints/9.bin", "log.jsonl"]],
  ...[8, "two", true],
  ...["one\ntwo\n", ["checkpoints/100.bin", "old/9.bin"]],
  ...[["checkpoints/100.bin"], [], []],
];

test("write, append, read, rename, list, remove, in a page", async () => {
  assert.equal(await page.evaluate(useStore), USED);
});

test("and in a worker, whose files the page finds after a reload", async () => {
  const [worker] = await Promise.all([
    page.waitForEvent("worker"),
    page.evaluate(() => void new Worker("/worker.js", { type: "module" })),
  ]);
  for (let i = 0; i < 100 && !(await worker.evaluate(() => "ahamask" in globalThis)); i++);
  assert.equal(await worker.evaluate(useStore), USED);
  await page.reload();
  await page.waitForFunction(() => "ahamask" in globalThis);
  assert.equal(await page.evaluate(() => ahamask.openStore("runs/asr").list()), ["checkpoints/100.bin"]);
});

test("paths that lead out of the store, and names of the store's own, are refused", async () => {
  const told = await page.evaluate(async () => {
    const store = ahamask.openStore("runs");
    const errors: string[] = [];
    for (const path of ["", "../x", "/etc/x", "a/b/c", ".hidden", "a\\b"])
      for (const act of [
        () => store.write(path, new Uint8Array(1)),
        () => store.read(path),
        () => store.open(path),
        () => store.append(path, new Uint8Array(1)),
        () => store.remove(path),
        () => store.rename("a", path),
        () => store.rename(path, "a"),
      ])
        errors.push(
          await act().then(
            () => "done",
            ({ name, message }) => `${name}: ${message}`,
          ),
        );
    return { errors, left: await store.list() };
  });
  const refused =
    /^SourceError: ((store|folder): expected .* got '|write: expected to write 'runs\/a', got nothing there)/;
  for (const error of told.errors) assert.match(error, refused);
  assert.equal(told.left, []);
});

test("a full quota is said, with what to do; old content stays, and nothing is half written", async () => {
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: site.url, quotaSize: 200_000 });
  const told = await page.evaluate(async () => {
    const store = ahamask.openStore("runs");
    await store.write("x.bin", new TextEncoder().encode("old"));
    await store.append("log", new TextEncoder().encode("one\n"));
    const errors: string[] = [];
    for (const act of [
      () => store.write("x.bin", new Uint8Array(1_000_000)),
      () => store.write("new.bin", new Uint8Array(1_000_000)),
      () => store.append("log", new Uint8Array(1_000_000)),
    ])
      await act().catch(({ name, message }) => errors.push(`${name}: ${message}`));
    const text = async (path: string) => new TextDecoder().decode(await store.read(path));
    await store.append("log", new TextEncoder().encode("two\n"));
    const root = await navigator.storage.getDirectory();
    const all: string[] = [];
    for await (const name of (await root.getDirectoryHandle("runs")).keys()) all.push(name);
    return { errors, texts: [await text("x.bin"), await text("log")], all: all.sort() };
  });
  assert.is(told.errors.length, 3);
  for (const error of told.errors)
    assert.match(
      error,
      /^SourceError: write: expected to write 'runs\/(x\.bin|new\.bin|log)', got no room: .*; delete what is kept here/,
    );
  assert.equal(told.texts, ["old", "one\ntwo\n"]);
  assert.equal(told.all, ["log", "x.bin"]);
});

test("two tabs write the same file: one of the two contents is there, whole", async () => {
  const write = async (byte: number) => {
    const store = ahamask.openStore("shared");
    let failed = "";
    for (let i = 0; i < 20; i++)
      await store.write("x", new Uint8Array(300_000).fill(byte)).catch(({ message }) => {
        failed = message;
      });
    return failed;
  };
  const other = await openPage();
  const failed = await Promise.all([page.evaluate(write, 1), other.evaluate(write, 2)]);
  const bytes = await page.evaluate(async () => {
    const read = (await ahamask.openStore("shared").read("x"))!;
    return { size: read.length, values: [...new Set(read)], all: await ahamask.openStore("shared").list() };
  });
  assert.is(bytes.size, 300_000);
  assert.is(bytes.values.length, 1);
  assert.equal(bytes.all, ["x"]);
  assert.equal(failed, ["", ""]);
});

test.run();
