import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeAudio } from "../../src/audio/decode.ts";

// Every FLAC file holds the MD5 of its integers, so the demo's 264 clips check themselves, the last frame included.
test("every clip of the demo decodes to the integers that its own checksum names", async () => {
  const clips = new URL("../../models/demo/clips/", import.meta.url);
  const files = readdirSync(clips, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".flac"));
  assert.is(files.length, 264);
  for (const file of files) {
    const bytes = new Uint8Array(readFileSync(new URL(file.replaceAll("\\", "/"), clips)));
    const { channels } = await decodeAudio(bytes, file);
    const integers = Int16Array.from(channels[0]!, (sample) => sample * 32768);
    const stored = Buffer.from(bytes.subarray(26, 42)).toString("hex"); // STREAMINFO comes first, its MD5 last
    assert.is(createHash("md5").update(integers).digest("hex"), stored, file);
  }
});

test.run();
