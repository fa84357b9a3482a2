import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeAudio } from "../../src/audio/decode.ts";
import { mp3Frame } from "../../src/audio/mp3.ts";
import { checkDecoded, checkRejects, readFixture } from "./fixtures.ts";

// Two builds of the same decoder round their sums differently.
const TOLERANCE = 4e-6;

for (const [name, rate] of Object.entries({ "mono.mp3": 16000, "stereo.mp3": 44100 })) {
  test(`${name} decodes to soundfile's samples`, async () => {
    checkDecoded(name, await decodeAudio(readFixture(name), name), rate, TOLERANCE);
  });
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The frames of a file without its first, which holds the Xing header. */
function soundFrames(file: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = mp3Frame(file, 0)!.bytes; at < file.length; at += frames.at(-1)!.length) {
    frames.push(file.subarray(at, at + mp3Frame(file, at)!.bytes));
  }
  return frames;
}

test("tags in front and behind are no sound", async () => {
  const front = new Uint8Array(10 + 300);
  front.set([0x49, 0x44, 0x33, 3, 0, 0, 0, 0, 2, 44]); // "ID3", size 2 · 128 + 44
  const behind = new Uint8Array(128);
  behind.set([0x54, 0x41, 0x47]); // "TAG"
  const file = concat(front, readFixture("mono.mp3"), behind);
  checkDecoded("mono.mp3", await decodeAudio(file, "mono.mp3"), 16000, TOLERANCE);
});

test("decoding stops at the wanted seconds, and still tells the length", async () => {
  const frames = soundFrames(readFixture("stereo.mp3"));
  const file = concat(...Array.from({ length: 400 }, () => frames).flat());
  const pcm = await decodeAudio(file, "x.mp3", 2);
  assert.is(pcm.channels[0]!.length, 2 * 44100);
  const seconds = (400 * frames.length * 1152) / 44100;
  assert.ok(Math.abs(pcm.seconds - seconds) < 0.06, `${pcm.seconds} s, want ${seconds}`);
});

test("truncated within a frame", async () => {
  const file = readFixture("mono.mp3");
  for (const length of [100, 700, file.length - 1]) {
    await checkRejects(() => decodeAudio(file.subarray(0, length), "x.mp3"), /truncated/);
  }
});

test("truncated between frames: seen where there is a Xing header, else a shorter file", async () => {
  const file = readFixture("mono.mp3");
  const frames = soundFrames(file);
  const last = frames.at(-1)!.length;
  const short = file.subarray(0, file.length - last);
  await checkRejects(() => decodeAudio(short, "x.mp3"), /expected 9 MP3 frames as its header says, got 8/);
  const pcm = await decodeAudio(concat(...frames.slice(0, -1)), "x.mp3");
  assert.ok(pcm.channels[0]!.length > 0);
});

test("damage", async () => {
  const file = readFixture("mono.mp3");
  const second = mp3Frame(file, 0)!.bytes;
  await checkRejects(
    () =>
      decodeAudio(
        concat(file.subarray(0, second), new Uint8Array(50).fill(9), file.subarray(second)),
        "x.mp3",
      ),
    new RegExp(`expected an MP3 frame, got other bytes at ${second}`),
  );
  const joined = concat(...soundFrames(file), ...soundFrames(readFixture("stereo.mp3")));
  await checkRejects(() => decodeAudio(joined, "x.mp3"), /16000 Hz mono MP3 throughout, got 44100 Hz stereo/);
});

test("noise within frames ends, in sound or in an error", async () => {
  const frames = soundFrames(readFixture("stereo.mp3"));
  let seed = 1;
  for (let round = 0; round < 20; round++) {
    const file = concat(...frames);
    for (let i = 0; i < 50; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      file[seed % file.length] = seed >>> 24;
    }
    await decodeAudio(file, "x.mp3").catch((error) => assert.is(error.name, "AudioError"));
  }
});

test.run();
