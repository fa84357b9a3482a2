import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeAudio } from "../../src/audio/decode.ts";
import { bytesOf, checkRejects, latin1, makeWav, readFixture } from "./fixtures.ts";

test("the format is found by content, whatever the name says", async () => {
  for (const name of ["s16.wav", "s16.flac", "mono.mp3", "mono.ogg"]) {
    const pcm = await decodeAudio(readFixture(name), "clip.txt");
    assert.ok(pcm.channels[0]!.length > 0);
  }
});

test("what is no sound is told by what it looks like", async () => {
  const cases: [bytes: string, message: RegExp][] = [
    ["", /got an empty file; give it/],
    ["Dear listener, this is not", /got text that begins "Dear listener, this is n"; give it/],
    ["<!doctype html><html>", /got text that begins "<!doctype html><html>"/],
    ["version https://git-lfs.github.com/spec/v1\n", /got a Git LFS pointer; fetch .* `git lfs pull`/],
    ["\0\0\0\x20ftypM4A \0\0", /got an MP4 or M4A file; convert it/],
    ["\x1aE\xdf\xa3\x01\0", /got a WebM or Matroska file; convert it/],
    ["\xff\xf1\x50\x80", /got an AAC file; convert it/],
    ["ID3\x04\0\0\0\0\0\0", /got an ID3 tag with nothing after it/],
    ["ID3\x04\0\0\x7f\x7f\x7f\x7f more", /got an ID3 tag with nothing after it/],
    ["\x89PNG\r\n", /got a PNG image/],
    ["\x01\x02", /got bytes that begin 01 02;/],
    ["RIFF\0\0\0\0AVI ", /got bytes that begin 52 49/],
  ];
  for (const [text, message] of cases) {
    await checkRejects(() => decodeAudio(latin1(text), "clip.wav"), message);
  }
});

test("96 kHz and 8 channels decode", async () => {
  const pcm = await decodeAudio(readFixture("s24-extensible.wav"), "x.wav");
  assert.is(pcm.sampleRate, 96000);
  const eight = await decodeAudio(makeWav(bytesOf(new Int16Array(80)), { channels: 8 }), "x.wav");
  assert.equal(
    eight.channels.map((samples) => samples.length),
    Array(8).fill(10),
  );
});

test.run();
