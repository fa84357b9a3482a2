import { test } from "uvu";
import * as assert from "uvu/assert";
import { FBANK_BANDS, fbank, fbankFrames, kaldiFilters } from "../../src/audio/fbank.ts";
import { readGolden } from "../fixtures-reader.ts";
import { checkClose } from "./fixtures.ts";

const golden = readGolden("test/fixtures/beats/golden.safetensors");
const samplesOf = (clip: string) => Float32Array.from(golden.get(`${clip}.wav`)!.data);

/** ln(2^-23), normalised: what a band holds in which there is nothing. */
const NOTHING = (Math.log(2 ** -23) - 15.41663) / (2 * 6.55582);

/** torchaudio's filters, and with them its features, carry the rounding of f32. */
const F32_FILTERS = 1.5e-5;

test("Kaldi's filters, of which that of band 3 is empty", () => {
  const filters = kaldiFilters();
  checkClose("filters", filters, golden.get("kaldi_mel_banks")!.data, F32_FILTERS);
  const empty = [...Array(FBANK_BANDS).keys()].filter((m) =>
    filters.subarray(m * 257, (m + 1) * 257).every((weight) => weight === 0),
  );
  assert.equal(empty, [3]);
});

for (const clip of ["flac", "synth"])
  test(`features of ${clip}`, () => {
    const { shape, data } = golden.get(`${clip}.fbank`)!;
    const samples = samplesOf(clip);
    assert.equal(shape, [fbankFrames(samples.length), FBANK_BANDS]);
    const got = fbank(samples);
    checkClose(`${clip}.fbank`, got, data, F32_FILTERS);
    for (let t = 0; t < shape[0]!; t++) assert.is(got[t * FBANK_BANDS + 3], Math.fround(NOTHING));
  });

test("a frame needs 400 samples, each further one 160", () => {
  assert.equal([0, 1, 399, 400, 559, 560, 16000, 480000].map(fbankFrames), [0, 0, 0, 1, 1, 2, 98, 2998]);
  assert.is(fbank(new Float32Array(399)).length, 0);
});

test("exactly one frame is the first of a longer sound, and so is any odd number", () => {
  const samples = samplesOf("synth");
  const all = fbank(samples.subarray(0, 400 + 3 * 160));
  for (const frames of [1, 3]) {
    const got = fbank(samples.subarray(0, 400 + (frames - 1) * 160));
    checkClose(`${frames} frames`, got, all.subarray(0, frames * FBANK_BANDS), 1e-6);
  }
});

test("silence is the floor, whatever its level", () => {
  for (const level of [0, 0.25])
    checkClose(
      "silence",
      fbank(new Float32Array(560).fill(level)),
      new Float32Array(256).fill(NOTHING),
      1e-6,
    );
});

test.run();
