import { test } from "uvu";
import * as assert from "uvu/assert";
import { prepareAudio, preparePcm, SAMPLE_RATE } from "../../src/audio/load.ts";
import { bytesOf, checkClose, checkRejects, makeWav, readFixture } from "./fixtures.ts";

const prepare = (bytes: Uint8Array, maxSeconds = 30, channels: "mean" | "first" = "mean") =>
  prepareAudio(bytes, "clip.wav", { channels, maxSeconds });

test("each format becomes 16 kHz mono", async () => {
  for (const [name, frames, rate] of [
    ["s16.wav", 401, 44100],
    ["s24-stereo.flac", 1500, 48000],
    ["stereo.mp3", 6000, 44100],
    ["stereo.ogg", 5000, 44100],
    ["s24.flac", 5000, 96000],
    ["u8.wav", 400, 8000],
  ] as const) {
    const { samples, cut, seconds } = await prepare(readFixture(name));
    assert.is(samples.length, Math.ceil((frames * SAMPLE_RATE) / rate), name);
    assert.ok(Math.abs(seconds - frames / rate) < 1e-9, name);
    assert.not.ok(cut, name);
  }
});

test("channels: mean or first", async () => {
  const file = makeWav(bytesOf(Float32Array.of(0.5, 0.25, -1, 0)), { channels: 2, bits: 32, tag: 3 });
  assert.equal((await prepare(file)).samples, Float32Array.of(0.375, -0.5));
  assert.equal((await prepare(file, 30, "first")).samples, Float32Array.of(0.5, -1));
});

test("a cut file is the whole file's beginning", async () => {
  for (const rate of [8000, 16000, 44100]) {
    const sound = Int16Array.from({ length: rate }, (_, i) => 20000 * Math.sin(i * i * 1e-5));
    const file = makeWav(bytesOf(sound), { rate });
    const whole = await prepare(file);
    const part = await prepare(file, 0.5);
    assert.equal([whole.cut, part.cut, part.seconds], [false, true, 1]);
    checkClose(`${rate} Hz`, part.samples, whole.samples.subarray(0, SAMPLE_RATE / 2), 0);
  }
});

test("a file exactly as long as the window is whole, one sample more is cut", async () => {
  const lengths = [SAMPLE_RATE, SAMPLE_RATE + 1];
  const results = await Promise.all(lengths.map((n) => prepare(makeWav(new Uint8Array(2 * n)), 1)));
  assert.equal(
    results.map(({ cut }) => cut),
    [false, true],
  );
  assert.equal(
    results.map(({ samples }) => samples.length),
    [SAMPLE_RATE, SAMPLE_RATE],
  );
});

test("samples that are not finite are refused by name and place", async () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const file = makeWav(bytesOf(Float32Array.of(0, 0.5, bad)), { bits: 32, tag: 3 });
    await checkRejects(
      () => prepare(file),
      new RegExp(`clip.wav: expected finite samples, got ${bad} at sample 2`),
    );
  }
});

test("decoded sound is heard as the file that holds it", async () => {
  const samples = Float32Array.from({ length: 48_000 }, (_, i) => Math.sin(i / 20) / 2);
  const file = await prepareAudio(makeWav(bytesOf(samples), { rate: 48_000, bits: 32, tag: 3 }), "clip.wav", {
    channels: "mean",
    maxSeconds: 0.5,
  });
  const pcm = { sampleRate: 48_000, channels: [samples], seconds: 1 };
  assert.equal(preparePcm(pcm, "clip", { channels: "mean", maxSeconds: 0.5 }), file);
});

test("a window that is none", async () => {
  const file = makeWav(new Uint8Array(100));
  for (const seconds of [0, -1, Number.NaN]) {
    await checkRejects(() => prepare(file, seconds), /expected maxSeconds above 0/);
  }
});

test.run();
