import { runDecoder } from "./codec.ts";
import { AudioError, checkHeader, FETCH_AGAIN, type Pcm, skipId3, viewOf } from "./pcm.ts";

const HEADER = 64; // bytes, more than a frame's header has

/**
 * Decodes FLAC through @wasm-audio-decoders/flac, up to `maxSeconds`. Frames carry checksums, and the header says how
 * many samples there are, so damage and truncation are errors; only a file whose writer left that number 0 can lose
 * its end unnoticed.
 */
export async function decodeFlac(bytes: Uint8Array, file: string, maxSeconds: number): Promise<Pcm> {
  const { sampleRate, bits, total, audio } = readStreamInfo(bytes, file);
  const wanted = Math.min(total || Number.POSITIVE_INFINITY, Math.ceil(maxSeconds * sampleRate));
  const { FLACDecoder } = await import("@wasm-audio-decoders/flac");
  // The decoder takes a frame for whole once it sees the header of the next, and at the end of the input it gives up when
  // two frames are left: the first frame's header, fed once more, ends the last frame like any other.
  const frames = bytes.subarray(audio);
  const { channels, length } = await runDecoder(
    new FLACDecoder(),
    frames,
    wanted,
    file,
    frames.subarray(0, HEADER),
  );
  if (total > 0 && length < wanted) {
    throw new AudioError(file, `${total} samples as its header says`, `${length} that decode`, FETCH_AGAIN);
  }
  // The decoder divides the integers by 2^(bits-1) - 1; sound divides by 2^(bits-1).
  const peak = 2 ** (bits - 1);
  for (const samples of channels) {
    for (let i = 0; i < samples.length; i++) samples[i] = Math.round(samples[i]! * (peak - 1)) / peak;
  }
  return { sampleRate, channels, seconds: (total || length) / sampleRate };
}

interface StreamInfo {
  readonly sampleRate: number; // Hz
  readonly bits: number; // a sample
  readonly total: number; // samples a channel; 0 where the writer did not know
  readonly audio: number; // offset of the first frame
}

function readStreamInfo(bytes: Uint8Array, file: string): StreamInfo {
  const start = skipId3(bytes) + 4; // past "fLaC"
  const view = viewOf(bytes);
  const truncated = () =>
    new AudioError(file, "FLAC metadata", `an end at byte ${bytes.length}`, FETCH_AGAIN);
  if (start + 4 + 34 > bytes.length) throw truncated();
  if ((bytes[start]! & 0x7f) !== 0) {
    throw new AudioError(file, "STREAMINFO first in FLAC", `block ${bytes[start]! & 0x7f}`, FETCH_AGAIN);
  }
  // From byte 10 of STREAMINFO: rate 20 bits, channels - 1 in 3, bits - 1 in 5, total samples in 36.
  const packed = view.getBigUint64(start + 4 + 10);
  const sampleRate = Number(packed >> 44n);
  const channels = Number((packed >> 41n) & 7n) + 1;
  const bits = Number((packed >> 36n) & 31n) + 1;
  const total = Number(packed & 0xfffffffffn);
  checkHeader(file, sampleRate, channels);
  let audio = start;
  for (let last = false; !last; ) {
    if (audio + 4 > bytes.length) throw truncated();
    last = (bytes[audio]! & 0x80) !== 0;
    audio += 4 + (view.getUint32(audio) & 0xffffff);
  }
  if (audio >= bytes.length) throw truncated();
  return { sampleRate, bits, total, audio };
}
