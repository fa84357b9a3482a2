import { test } from "uvu";
import * as assert from "uvu/assert";
import { prepareAudio, SAMPLE_RATE } from "../../src/audio/load.ts";
import { resample } from "../../src/audio/resample.ts";
import { makeWav } from "./fixtures.ts";

test("2 hours are cut to the window, without the memory of 2 hours", async () => {
  const file = makeWav(new Uint8Array(2 * 3600 * 8000).fill(128), { rate: 8000, bits: 8 });
  const before = process.memoryUsage().arrayBuffers;
  const start = performance.now();
  const { samples, seconds, cut } = await prepareAudio(file, "clip.wav", {
    channels: "mean",
    maxSeconds: 30,
  });
  assert.equal([samples.length, seconds, cut], [30 * SAMPLE_RATE, 7200, true]);
  assert.ok(process.memoryUsage().arrayBuffers - before < 30e6);
  assert.ok(performance.now() - start < 3000);
});

test("awkward ratios stay quick and small", () => {
  const before = process.memoryUsage().arrayBuffers;
  const start = performance.now();
  for (const from of [1, 7, 44101, 383993, 999983]) resample(new Float32Array(from / 5), from, SAMPLE_RATE);
  assert.ok(performance.now() - start < 5000, `took ${performance.now() - start} ms`);
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 100e6, `${grown} bytes`);
});

test.run();
