import { test } from "uvu";
import * as assert from "uvu/assert";
import { MAX_SLICE, MAX_TEXT, memoryFolder, memorySource, SourceError } from "../../src/io/source.ts";
import { rejects, utf8 } from "./helpers.ts";

test("a memory source gives copies of its parts", async () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5);
  const source = memorySource("five", bytes);
  const part = await source.read(1, 3);
  part[0] = 9;
  assert.equal([...(await source.read(1, 3))], [2, 3, 4]);
  assert.equal(bytes[1], 2);
});

test("a read fills the buffer that the caller brings", async () => {
  const into = new Uint8Array(8);
  const part = await memorySource("five", Uint8Array.of(1, 2, 3, 4, 5)).read(3, 2, { into });
  assert.is(part.buffer, into.buffer);
  assert.equal([...into.subarray(0, 3)], [4, 5, 0]);
});

test("reads outside the file, over the limit, or of nonsense are refused", async () => {
  const source = memorySource("big", new Uint8Array(MAX_SLICE + 1));
  await rejects(
    () => source.read(0, MAX_SLICE + 1),
    SourceError,
    /at most 16777216 bytes of big, got 16777217/,
  );
  await rejects(() => source.read(MAX_SLICE, 2), SourceError, /expected bytes within the 16777217 of big/);
  for (const [offset, length] of [
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [Number.NaN, 1],
  ] as const)
    await rejects(() => source.read(offset, length), SourceError, /^read: expected/);
});

test("an aborted signal stops a read", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  await rejects(() => memorySource("x", new Uint8Array(4)).read(0, 4, { signal }), Error, /enough/);
});

test("a memory folder knows its files only", async () => {
  const folder = memoryFolder("here", { "a.json": utf8("\ufeff{}"), latin: Uint8Array.of(0xe9) });
  assert.ok(await folder.has("a.json"));
  assert.not(await folder.has("toString"));
  assert.is(await folder.text("a.json"), "{}");
  assert.is((await folder.open("a.json")).size, 5);
  await rejects(() => folder.open("b"), SourceError, /expected file 'b' in here/);
  await rejects(() => folder.text("latin"), SourceError, /expected UTF-8 in here\/latin/);
});

test("a text file of absurd size is refused", async () => {
  const folder = memoryFolder("here", { "config.json": new Uint8Array(MAX_TEXT + 1) });
  await rejects(() => folder.text("config.json"), SourceError, /at most 67108864 bytes .* got 67108865/);
});

test("names that leave the folder are refused", async () => {
  const folder = memoryFolder("here", {});
  for (const name of ["../x", "/etc/passwd", "a/../../x", "", "a//b", "..\\x", "file:x", "."])
    await rejects(() => folder.has(name), SourceError, /relative to the folder/);
});

test.run();
