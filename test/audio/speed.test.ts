import { test } from "uvu";
import * as assert from "uvu/assert";
import { fbank } from "../../src/audio/fbank.ts";
import { logMel } from "../../src/audio/log-mel.ts";
import { bestTime } from "../best-time.ts";

test("filter banks of 30 s take well under 300 ms", () => {
  const samples = Float32Array.from({ length: 480000 }, (_, i) => Math.sin(i * i * 1e-4));
  const best = bestTime(300, () => fbank(samples));
  assert.ok(best < 300, `${best} ms`);
});

test("log-mel of 30 s at 128 bands takes well under 300 ms", () => {
  const samples = Float32Array.from({ length: 480000 }, (_, i) => Math.sin(i * i * 1e-4));
  const best = bestTime(300, () => logMel(samples, { mels: 128, frames: 3000 }));
  assert.ok(best < 300, `${best} ms`);
});

test.run();
