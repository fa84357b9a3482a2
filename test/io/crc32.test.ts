import { test } from "uvu";
import * as assert from "uvu/assert";
import { crc32 as platforms } from "#files";
import { crc32 } from "../../src/io/crc32.ts";

test("the check sum is that of ZIP and PNG", () => {
  assert.is(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assert.is(crc32(new Uint8Array()), 0);
});

test("a sum goes on from that of the bytes before, wherever they are cut or lie in memory", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => (i * 2_654_435_761) >>> 13);
  /** A bit at a time, as the standard has it. */
  const expected = ~bytes.reduce((sum, byte) => {
    let rest = sum ^ byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
    return rest;
  }, -1);
  for (const sum of [crc32, platforms])
    for (let cut = 0; cut <= bytes.length; cut++)
      assert.is(sum(bytes.subarray(cut), sum(bytes.subarray(0, cut))), expected >>> 0, `${cut}`);
});

test.run();
