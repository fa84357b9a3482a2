import { test } from "uvu";
import * as assert from "uvu/assert";
import { fbankPatches, heardTokens, patchTokens } from "../../src/audio/patches.ts";

test("patches are of 16 frames and 16 bands, by time, then by band", () => {
  // Each value says which frame and band it is of.
  const fbank = Float32Array.from({ length: 40 * 128 }, (_, i) => i);
  const patches = fbankPatches(fbank);
  assert.is(patches.length, patchTokens(40) * 256);
  for (const token of [0, 7, 8, 15])
    for (const [frame, band] of [
      [0, 0],
      [0, 15],
      [9, 4],
      [15, 15],
    ] as const) {
      const [time, place] = [Math.floor(token / 8), token % 8];
      assert.is(patches[token * 256 + frame * 16 + band], (time * 16 + frame) * 128 + place * 16 + band);
    }
});

test("the frames of the last patch that is not whole are left out", () => {
  assert.equal([0, 15, 16, 31, 32, 2998].map(patchTokens), [0, 0, 8, 8, 16, 1496]);
  assert.throws(
    () => fbankPatches(new Float32Array(15 * 128)),
    /^patches: expected 16 frames \(2800 samples\) or more, got 15; pad the sound$/,
  );
});

test("tokens that hold any sound of a padded clip are heard", () => {
  // 16000 samples are 98 frames of 163 by the reference's reckoning, and 48 tokens of 2 frames.
  const heard = (samples: number) => heardTokens(samples, 16000, 98);
  assert.equal([0, 1, 326, 327, 652, 653, 16000].map(heard), [0, 1, 1, 2, 2, 3, 48]);
});

test.run();
