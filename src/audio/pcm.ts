/** Hz, what every model here listens at. */
export const SAMPLE_RATE = 16000;

/** Decoded sound, one array a channel. */
export interface Pcm {
  /** Hz, a positive integer. */
  readonly sampleRate: number;
  /** One array a channel, all of one length, in [-1, 1) (float files may go beyond). */
  readonly channels: readonly Float32Array[];
  /** Length of the whole file, also where decoding stopped early (MP3: then within two frames). */
  readonly seconds: number;
}

/** A sound file that cannot be used; the message says what was expected, what came and what to do. */
export class AudioError extends Error {
  override readonly name = "AudioError";

  constructor(file: string, expected: string, got: string, remedy: string, options?: ErrorOptions) {
    super(`audio: ${file}: expected ${expected}, got ${got}; ${remedy}`, options);
  }
}

/** Remedies that several formats share. */
export const CONVERT = "convert it, for example with `ffmpeg -i FILE -c:a pcm_s16le out.wav`";
export const FETCH_AGAIN = "the file is truncated or damaged, fetch it again";

/** Hz; a header that says more is damaged, and the resampler's filter would grow with it. */
const MAX_RATE = 1_000_000;

/** Throws unless the header promises sound: a rate that exists and at least one channel. */
export function checkHeader(file: string, sampleRate: number, channels: number): void {
  if (sampleRate === 0 || sampleRate > MAX_RATE) {
    throw new AudioError(file, `a sample rate from 1 to ${MAX_RATE} Hz`, `${sampleRate} Hz`, FETCH_AGAIN);
  }
  if (channels === 0) throw new AudioError(file, "at least one channel", "0 channels", FETCH_AGAIN);
}

/** The four or so characters at `offset`, as Latin-1. */
export function ascii(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where the sound begins: the length of the ID3v2 tags in front, which may hold megabytes of pictures. */
export function skipId3(bytes: Uint8Array): number {
  let offset = 0;
  while (ascii(bytes, offset, 3) === "ID3" && offset + 10 <= bytes.length) {
    const size = bytes.subarray(offset + 6, offset + 10).reduce((sum, byte) => (sum << 7) | (byte & 0x7f), 0);
    const footer = bytes[offset + 5]! & 0x10 ? 10 : 0;
    offset += 10 + size + footer;
  }
  return offset;
}
