import { test } from "uvu";
import * as assert from "uvu/assert";
import { AudioError, ascii, checkHeader, skipId3 } from "../../src/audio/pcm.ts";

test("AudioError says file, expectation, finding and remedy", () => {
  const error = new AudioError("a.wav", "sound", "silence", "speak");
  assert.instance(error, Error);
  assert.equal(
    [error.name, error.message],
    ["AudioError", "audio: a.wav: expected sound, got silence; speak"],
  );
});

test("headers need a rate and channels", () => {
  checkHeader("a.wav", 1, 1);
  checkHeader("a.wav", 1_000_000, 65535);
  for (const rate of [0, 1_000_001]) assert.throws(() => checkHeader("a.wav", rate, 1), `got ${rate} Hz`);
  assert.throws(() => checkHeader("a.wav", 16000, 0), "got 0 channels");
});

test("ID3 tags: none, one, two, with a footer, cut short", () => {
  const tag = (size: number, flags = 0) => [
    0x49,
    0x44,
    0x33,
    4,
    0,
    flags,
    0,
    0,
    0,
    size,
    ...Array(size).fill(1),
  ];
  const skipped = (...bytes: number[]) => skipId3(Uint8Array.from(bytes));
  assert.is(skipped(1, 2, 3), 0);
  assert.is(skipped(...tag(5), 9), 15);
  assert.is(skipped(...tag(5), ...tag(3), 9), 28);
  assert.is(skipped(...tag(5, 0x10), ...Array(10).fill(0), 9), 25);
  assert.is(skipped(0x49, 0x44, 0x33, 4), 0);
});

test("characters beyond the end are missing", () => {
  assert.is(ascii(Uint8Array.of(65, 66), 1, 4), "B");
});

test.run();
