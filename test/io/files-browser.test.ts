import { test } from "uvu";
import * as assert from "uvu/assert";
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
    "writeFileAtomic",
  ]);
});

test("a folder is a URL", async () => {
  assert.is(browser.openFolder("https://example.org/model").name, "https://example.org/model/");
  await rejects(
    () => browser.openFolder("file:///home/me/model"),
    SourceError,
    /serve the folder and pass its URL/,
  );
});

test("paths are refused with what to use instead", async () => {
  await rejects(() => browser.fileSource("x"), SourceError, /use httpSource\(url\) or memorySource/);
  await rejects(() => browser.readFile("x"), SourceError, /take the bytes of a File/);
  await rejects(
    () => browser.writeFileAtomic("x", new Uint8Array(1)),
    SourceError,
    /offer the bytes as a download/,
  );
  await rejects(() => browser.appendFile("x", new Uint8Array(1)), SourceError, /gather the bytes/);
  await rejects(() => browser.openStore("x"), SourceError, /use memoryStore/);
});

test.run();
