import { test } from "uvu";
import * as assert from "uvu/assert";
import { resample } from "../../src/audio/resample.ts";
import { checkClose } from "./fixtures.ts";

const TO = 16000; // Hz
const EDGE = 200; // output samples that see zeros outside the signal, at most
const PASS_BAND = 1.15e-4; // 0.001 dB
const STOP_BAND = 10 ** (-90 / 20);

const sine = (hz: number, rate: number, length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin((2 * Math.PI * hz * i) / rate + 0.3));

/** The sine at `hz` after resampling half a second, and the one it should be, without the edges. */
function resampled(hz: number, from: number) {
  const y = resample(sine(hz, from, from / 2), from, TO);
  const inside = (samples: Float32Array) => samples.subarray(EDGE, y.length - EDGE);
  return { got: inside(y), want: inside(sine(hz, TO, y.length)) };
}

for (const from of [8000, 11025, 22050, 44100, 44101, 48000, 96000]) {
  const nyquist = Math.min(from, TO) / 2;

  test(`${from} Hz: sines up to 0.91 of the lower Nyquist frequency stay, in place`, () => {
    for (const share of [0, 0.01, 0.3, 0.5, 0.7, 0.8, 0.85, 0.88, 0.9, 0.91]) {
      const { got, want } = resampled(share * nyquist, from);
      checkClose(`${from} Hz, ${share} of Nyquist`, got, want, PASS_BAND);
    }
  });

  if (from > TO) {
    test(`${from} Hz: tones from the Nyquist frequency on are 90 dB down`, () => {
      const steps = 12;
      for (let i = 0; i < steps; i++) {
        const hz = nyquist + (from / 2 - nyquist) * (i / steps) ** 2;
        const { got } = resampled(hz, from);
        checkClose(`${hz} Hz at ${from} Hz`, got, new Float32Array(got.length), STOP_BAND);
      }
    });
  }
}

test("a constant stays the same away from the edges", () => {
  for (const from of [8000, 44100, 44101, 96000]) {
    const y = resample(new Float32Array(from / 4).fill(0.5), from, TO);
    const inside = y.subarray(EDGE, y.length - EDGE);
    checkClose(`${from} Hz`, inside, new Float32Array(inside.length).fill(0.5), 1e-7);
  }
});

test("an impulse stays at its time, symmetric", () => {
  for (const [from, at, expected] of [
    [44100, 4410, 1600],
    [48000, 4800, 1600],
    [8000, 800, 1600],
  ] as const) {
    const x = new Float32Array(2 * at);
    x[at] = 1;
    const y = resample(x, from, TO);
    assert.is(y.indexOf(Math.max(...y)), expected);
    const before = y.slice(expected - 150, expected).reverse();
    checkClose(`${from} Hz`, before, y.subarray(expected + 1, expected + 151), 1e-7);
  }
});

test("lengths are those of the field's resamplers", () => {
  const table: [n: number, from: number, length: number][] = [
    [0, 44100, 0],
    [1, 44100, 1],
    [441, 44100, 160],
    [442, 44100, 161],
    [44100, 44100, 16000],
    [44101, 44100, 16001],
    [3, 48000, 1],
    [4, 48000, 2],
    [1000, 8000, 2000],
    [1001, 22050, 727],
    [6, 96000, 1],
    [7, 96000, 2],
    [1000, 11025, 1452],
    [44101, 44101, 16000],
  ];
  for (const [n, from, length] of table) {
    assert.is(resample(new Float32Array(n), from, TO).length, length, `${n} samples at ${from} Hz`);
  }
});

test("equal rates return the input itself", () => {
  const x = sine(440, TO, 100);
  assert.is(resample(x, TO, TO), x);
});

test("rates that are none", () => {
  for (const rate of [0, -1, 1.5, Number.NaN]) {
    assert.throws(
      () => resample(new Float32Array(4), rate, TO),
      /resample: expected integer rates above 0 Hz/,
    );
  }
});

test.run();
