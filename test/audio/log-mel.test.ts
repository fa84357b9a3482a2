import { test } from "uvu";
import * as assert from "uvu/assert";
import { logMel, melFilters, melFrames } from "../../src/audio/log-mel.ts";
import { readGolden } from "../fixtures-reader.ts";
import { checkClose } from "./fixtures.ts";

const whisper = readGolden("test/fixtures/whisper/golden.safetensors");

/** The Qwen2-Audio goldens took their spectra in f32 (torch.stft), which alone moves quiet bands by 3e-5. */
const F32_SPECTRUM = 1e-4;

const samplesOf = (golden: typeof whisper, name: string) => Float32Array.from(golden.get(name)!.data);

/** [mels, frames] to [frames, mels]. */
function transpose(data: ArrayLike<number>, mels: number, frames: number): Float32Array {
  return Float32Array.from(
    { length: mels * frames },
    (_, i) => data[(i % mels) * frames + Math.floor(i / mels)]!,
  );
}

for (const mels of [80, 128]) {
  test(`${mels} Slaney filters`, () => {
    checkClose("filters", melFilters(mels), whisper.get(`filters.${mels}`)!.data, 1e-8);
  });

  for (const clip of ["flac0", "synth"]) {
    test(`${clip}, ${mels} bands, 30 s window`, () => {
      const got = logMel(samplesOf(whisper, `${clip}.wav`), { mels, frames: 3000 });
      const want = transpose(whisper.get(`${clip}.mel${mels}`)!.data, mels, 3000);
      checkClose(`${clip}.mel${mels}`, got, want, 1e-6);
    });
  }
}

test("audio longer than the window is cut, and mirrored at the cut", () => {
  for (const clip of ["flac0", "synth"]) {
    const got = logMel(samplesOf(whisper, `${clip}.wav`), { mels: 80, frames: 200 });
    checkClose(`${clip}.enc.mel`, got, transpose(whisper.get(`${clip}.enc.mel`)!.data, 80, 200), 1e-6);
  }
});

for (const variant of ["mha", "gqa"]) {
  test(`qwen2audio/${variant} features`, () => {
    const golden = readGolden(`test/fixtures/qwen2audio/${variant}/golden.safetensors`);
    for (const clip of ["s0", "s1"]) {
      const { shape, data } = golden.get(`${clip}.input_features`)!;
      assert.equal(shape, [1, 128, 200]);
      const got = logMel(samplesOf(golden, `${clip}.wav`), { mels: 128, frames: 200 });
      checkClose(`${clip}.input_features`, got, transpose(data, 128, 200), F32_SPECTRUM);
    }
  });
}

test("silence and no samples at all are the floor", () => {
  for (const samples of [new Float32Array(0), new Float32Array(1000)]) {
    const got = logMel(samples, { mels: 80, frames: 3 });
    checkClose("silence", got, new Float32Array(240).fill(-1.5), 0);
  }
});

test("zeros in the padding are skipped without a trace", () => {
  for (const length of [159, 160, 161, 199, 200, 201, 359, 360, 361, 1599, 1600]) {
    const samples = Float32Array.from({ length }, (_, i) => Math.sin(i * i));
    const padded = new Float32Array(1600);
    padded.set(samples);
    padded[1599] ||= 1e-30; // too small to be heard, enough to make every frame count
    checkClose(
      `${length}`,
      logMel(samples, { mels: 80, frames: 10 }),
      logMel(padded, { mels: 80, frames: 10 }),
      0,
    );
  }
});

test("an odd number of frames", () => {
  const samples = Float32Array.from({ length: 16000 }, (_, i) => Math.sin(i * 0.3) * (1 - i / 16000));
  const even = logMel(samples, { mels: 80, frames: 100 });
  const odd = logMel(samples, { mels: 80, frames: 99 });
  // The last two frames see the mirrored end.
  checkClose("first 97 frames", odd.subarray(0, 97 * 80), even.subarray(0, 97 * 80), 1e-6);
});

test("frames are counted up", () => {
  assert.equal([0, 1, 160, 161, 480000].map(melFrames), [0, 1, 1, 2, 3000]);
});

test("too few frames or bands", () => {
  for (const [mels, frames] of [
    [80, 1],
    [80, 0],
    [0, 100],
    [80, 2.5],
  ] as const) {
    assert.throws(() => logMel(new Float32Array(10), { mels, frames }), /logMel: expected 2 frames/);
  }
});

test.run();
