import { test } from "uvu";
import * as assert from "uvu/assert";
import { listFiles, readBytes } from "#fixtures";
import { decodeAudio } from "../../src/audio/decode.ts";
import { md5 } from "./md5.ts";

// Every FLAC file holds the MD5 of its integers, so the demo's 264 clips check themselves, the last frame included.
test("every clip of the demo decodes to the integers that its own checksum names", async () => {
  const files = listFiles("models/demo/clips").filter((file) => file.endsWith(".flac"));
  assert.is(files.length, 264);
  for (const file of files) {
    const bytes = readBytes(`models/demo/clips/${file}`);
    const { channels } = await decodeAudio(bytes, file);
    const integers = Int16Array.from(channels[0]!, (sample) => sample * 32768);
    const stored = bytes.subarray(26, 42); // STREAMINFO comes first, its MD5 last
    assert.equal(md5(new Uint8Array(integers.buffer)), stored, file);
  }
});

test.run();
