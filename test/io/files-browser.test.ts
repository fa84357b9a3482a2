import { test } from "uvu";
import * as assert from "uvu/assert";
import { withLock } from "#files";
import * as browser from "../../src/io/files-browser.ts";
import type * as node from "../../src/io/files-node.ts";
import { SourceError } from "../../src/io/source.ts";
import { rejects } from "./helpers.ts";

test("offers what the Node side offers", () => {
  const same: typeof node = browser;
  assert.equal(Object.keys(same).sort(), [
    "appendFile",
    "crc32",
    "fileSource",
    "openFolder",
    "openStore",
    "readFile",
    "withLock",
    "writeFileAtomic",
  ]);
});

test("folders and whole files have URLs", async () => {
  assert.is(browser.openFolder("https://example.org/model").name, "https://example.org/model/");
  const remedy = /expected an http\(s\) URL in a browser, got 'file:.*; serve it and pass its URL, or let/;
  await rejects(() => browser.openFolder("file:///home/me/model"), SourceError, remedy);
  await rejects(async () => browser.readFile("file:///home/me/x.flac"), SourceError, remedy);
});

test("paths are refused with what to use instead", async () => {
  await rejects(() => browser.fileSource("x"), SourceError, /use httpSource\(url\) or memorySource/);
  await rejects(
    () => browser.writeFileAtomic("x", new Uint8Array(1)),
    SourceError,
    /offer the bytes as a download/,
  );
  await rejects(() => browser.appendFile("x", new Uint8Array(1)), SourceError, /gather the bytes/);
});

test("a lock lets one in at a time, whatever becomes of it", async () => {
  const log: string[] = [];
  const work =
    (name: string, fail = false) =>
    async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      log.push(`${name} ends`);
      if (fail) throw new SourceError(name);
    };
  const results = await Promise.allSettled([
    withLock("x", work("a", true)),
    withLock("x", work("b")),
    withLock("y", work("c")),
  ]);
  assert.equal(
    results.map(({ status }) => status),
    ["rejected", "fulfilled", "fulfilled"],
  );
  assert.ok(log.indexOf("b begins") > log.indexOf("a ends"), log.join());
  assert.ok(log.indexOf("c begins") < log.indexOf("a ends"), log.join());
});

test("who waits for a lock may give up", async () => {
  const controller = new AbortController();
  let done = () => {};
  const end = new Promise<void>((resolve) => {
    done = resolve;
  });
  const holding = withLock("z", () => end);
  const waiting = rejects(() => withLock("z", async () => {}, controller.signal), Error, /^enough$/);
  controller.abort(new Error("enough"));
  done();
  await Promise.all([waiting, holding]);
});

test.run();
