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

test("a folder is a URL", async () => {
  assert.is(browser.openFolder("https://example.org/model").name, "https://example.org/model/");
  await rejects(
    () => browser.openFolder("file:///home/me/model"),
    SourceError,
    /serve it and pass its URL, or let/,
  );
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

test("where there is no private file system, a store says so", async () => {
  await rejects(
    () => browser.openStore("runs").read("x"),
    SourceError,
    /^read: expected to read 'runs\/x', got /,
  );
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

test.run();
