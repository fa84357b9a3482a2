import { FBANK_BANDS } from "./fbank.ts";

const PATCH = 16; // frames, and bands, of a patch
const PATCHES = FBANK_BANDS / PATCH; // of the same frames

/** Values of a patch. */
export const PATCH_WIDTH = PATCH * PATCH;

/** Patches of a sound of so many frames; up to 15 frames at its end are in none. */
export const patchTokens = (frames: number): number => PATCHES * Math.floor(frames / PATCH);

/**
 * A filter bank's patches of 16 frames × 16 bands, those of the same frames one after the other.
 *
 * @param fbank [frames, 128]
 * @returns [patchTokens(frames), 256], a patch's frames one after the other
 * @throws RangeError for fewer than 16 frames
 */
export function fbankPatches(fbank: Float32Array): Float32Array {
  const frames = fbank.length / FBANK_BANDS;
  if (frames < PATCH)
    throw new RangeError(
      `patches: expected ${PATCH} frames (2800 samples) or more, got ${frames}; pad the sound`,
    );
  const patches = new Float32Array(patchTokens(frames) * PATCH_WIDTH);
  for (let token = 0; token < patchTokens(frames); token++)
    for (let i = 0; i < PATCH; i++) {
      const from = (Math.floor(token / PATCHES) * PATCH + i) * FBANK_BANDS + (token % PATCHES) * PATCH;
      patches.set(fbank.subarray(from, from + PATCH), token * PATCH_WIDTH + i * PATCH);
    }
  return patches;
}

/**
 * Tokens that hold sound of a clip of `samples` samples that is padded with zeros to `padded`, which make `frames` frames:
 * by the reference's reckoning, which deals samples out to frames, and frames to tokens, in equal whole numbers.
 */
export function heardTokens(samples: number, padded: number, frames: number): number {
  const tokens = patchTokens(frames);
  const heardFrames = Math.min(frames, Math.ceil(samples / Math.floor(padded / frames)));
  return Math.min(tokens, Math.ceil(heardFrames / Math.floor(frames / tokens)));
}
