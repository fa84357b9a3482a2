import { readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeAudio } from "../../src/audio/decode.ts";
import { checkClose, checkDecoded, checkRejects, readFixture } from "./fixtures.ts";

const RATES: Record<string, number> = {
  "s8.flac": 16000,
  "s16.flac": 16000,
  "s16-stereo.flac": 44100,
  "s24.flac": 96000,
  "s24-stereo.flac": 48000,
};

for (const [name, rate] of Object.entries(RATES)) {
  test(`${name} decodes to soundfile's samples exactly`, async () => {
    checkDecoded(name, await decodeAudio(readFixture(name), name), rate, 0);
  });
}

const FRAMES_AT = 8192; // libsndfile pads the metadata; well before the last frame

test("a demo clip decodes to 16-bit steps", async () => {
  const folder = new URL("../../models/demo/clips/eval/", import.meta.url);
  const name = readdirSync(folder).find((file) => file.endsWith(".flac"))!;
  const pcm = await decodeAudio(new Uint8Array(readFileSync(new URL(name, folder))), name);
  assert.is(pcm.sampleRate, 16000);
  assert.ok(
    pcm.channels[0]!.every((sample) => Number.isInteger(sample * 32768) && sample >= -1 && sample < 1),
  );
});

test("ID3 tags in front are skipped", async () => {
  const file = readFixture("s16.flac");
  const tagged = new Uint8Array(10 + 200 + file.length);
  tagged.set([0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 1, 72]); // "ID3", size 1 · 128 + 72
  tagged.set(file, 210);
  checkDecoded("s16.flac", await decodeAudio(tagged, "s16.flac"), 16000, 0);
});

test("decoding stops at the wanted seconds, and still tells the length", async () => {
  const file = readFixture("s16.flac");
  const whole = await decodeAudio(file, "x.flac");
  const part = await decodeAudio(file, "x.flac", 0.1);
  checkClose("first 0.1 s", part.channels[0]!, whole.channels[0]!.subarray(0, 1600), 0);
  assert.is(part.seconds, whole.seconds);
});

test("truncated anywhere", async () => {
  const file = readFixture("s16.flac");
  for (const length of [4, 20, 41, 60, FRAMES_AT, file.length - 1]) {
    await checkRejects(() => decodeAudio(file.subarray(0, length), "x.flac"), /truncated/);
  }
});

test("one flipped bit in a frame", async () => {
  const file = readFixture("s16.flac");
  file[file.length - 500]! ^= 1;
  await checkRejects(() => decodeAudio(file, "x.flac"), /expected 6000 samples as its header says, got \d+/);
});

test("0 Hz", async () => {
  const file = readFixture("s16.flac");
  file.set([0, 0, file[20]! & 0x0f], 18);
  await checkRejects(() => decodeAudio(file, "x.flac"), /got 0 Hz/);
});

test.run();
