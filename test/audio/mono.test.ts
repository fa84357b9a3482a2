import { test } from "uvu";
import * as assert from "uvu/assert";
import { toMono } from "../../src/audio/mono.ts";

const left = Float32Array.from([0.5, -1, 0.25]);
const right = Float32Array.from([0, 1, 0.75]);

test("mean of two channels, and of eight", () => {
  assert.equal(toMono({ channels: [left, right] }, "mean"), Float32Array.from([0.25, 0, 0.5]));
  const eight = Array.from({ length: 8 }, (_, c) => Float32Array.of(c / 8));
  assert.equal(toMono({ channels: eight }, "mean"), Float32Array.of(0.4375));
});

test("first channel", () => {
  assert.is(toMono({ channels: [left, right] }, "first"), left);
});

test("a mono file is itself", () => {
  assert.is(toMono({ channels: [left] }, "mean"), left);
});

test.run();
