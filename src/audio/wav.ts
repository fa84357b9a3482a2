import { AudioError, ascii, CONVERT, checkHeader, FETCH_AGAIN, type Pcm, viewOf } from "./pcm.ts";

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
const OTHER_FORMATS: Record<number, string> = {
  2: "Microsoft ADPCM",
  6: "A-law",
  7: "mu-law",
  17: "IMA ADPCM",
  49: "GSM 6.10",
  80: "MPEG audio",
  85: "MP3",
};

/** Programs that write to a pipe cannot know the size: they leave 0, or something near 2^31 or 2^32. */
const STREAMED_SIZE = 0x7fff0000;

type ReadSample = (view: DataView, offset: number) => number;

/** How to read one sample, by format tag and bits; integers divide by 2^(bits-1), 8 bits are unsigned. */
const READERS: Record<string, ReadSample> = {
  [`${PCM}/8`]: (view, at) => (view.getUint8(at) - 128) / 2 ** 7,
  [`${PCM}/16`]: (view, at) => view.getInt16(at, true) / 2 ** 15,
  [`${PCM}/24`]: (view, at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 2 ** 23,
  [`${PCM}/32`]: (view, at) => view.getInt32(at, true) / 2 ** 31,
  [`${FLOAT}/32`]: (view, at) => view.getFloat32(at, true),
  [`${FLOAT}/64`]: (view, at) => view.getFloat64(at, true),
};

interface Format {
  readonly sampleRate: number;
  readonly channels: number;
  readonly frameBytes: number; // one sample of every channel
  readonly sampleBytes: number;
  readonly read: ReadSample;
}

/**
 * Reads RIFF or RF64 WAVE: PCM of 8, 16, 24, 32 bits, float of 32 and 64, plain or extensible header, any chunks in
 * between. Only the first `maxSeconds` are converted. Throws AudioError for anything else and for truncated data.
 */
export function decodeWav(bytes: Uint8Array, file: string, maxSeconds: number): Pcm {
  const view = viewOf(bytes);
  let format: Format | undefined;
  let size64: number | undefined; // of the data, where RF64 keeps it
  for (let offset = 12; offset + 8 <= bytes.length; ) {
    const id = ascii(bytes, offset, 4);
    const size = view.getUint32(offset + 4, true);
    const body = offset + 8;
    if (id === "data") {
      if (!format) throw new AudioError(file, "a 'fmt ' chunk before 'data'", "none", FETCH_AGAIN);
      const wholeFile = body + size === bytes.length && view.getUint32(4, true) + 8 === bytes.length;
      const streamed = size64 === undefined && (size >= STREAMED_SIZE || (size === 0 && !wholeFile));
      const left = bytes.length - body;
      return readData(bytes, body, streamed ? left : (size64 ?? size), format, file, maxSeconds);
    }
    if (body + size > bytes.length) break;
    if (id === "ds64" && size >= 16) size64 = Number(view.getBigUint64(body + 8, true));
    if (id === "fmt ") format = readFormat(bytes.subarray(body, body + size), file);
    offset = body + size + (size % 2);
  }
  throw new AudioError(file, "a WAV 'data' chunk", `none in ${bytes.length} bytes`, FETCH_AGAIN);
}

function readFormat(chunk: Uint8Array, file: string): Format {
  if (chunk.length < 16) {
    throw new AudioError(file, "a 'fmt ' chunk of 16 bytes or more", `${chunk.length}`, FETCH_AGAIN);
  }
  const view = viewOf(chunk);
  let tag = view.getUint16(0, true);
  if (tag === EXTENSIBLE && chunk.length >= 40) tag = view.getUint16(24, true); // the sub-format's GUID begins with it
  const channels = view.getUint16(2, true);
  const sampleRate = view.getUint32(4, true);
  const frameBytes = view.getUint16(12, true);
  checkHeader(file, sampleRate, channels);
  const sampleBytes = frameBytes / channels; // 20 bits lie left-justified in 24, so the container counts
  const read = READERS[`${tag}/${sampleBytes * 8}`];
  if (!read || view.getUint16(14, true) > sampleBytes * 8) {
    const got = OTHER_FORMATS[tag] ?? `format tag ${tag} with ${view.getUint16(14, true)} bits`;
    throw new AudioError(file, "WAV with PCM of 8, 16, 24, 32 bits or float of 32, 64", got, CONVERT);
  }
  return { sampleRate, channels, frameBytes, sampleBytes, read };
}

function readData(
  bytes: Uint8Array,
  start: number,
  size: number,
  format: Format,
  file: string,
  maxSeconds: number,
): Pcm {
  const left = bytes.length - start;
  if (size > left) {
    const expected = `${size} bytes of samples`;
    throw new AudioError(file, expected, `${left} (${size - left} bytes are missing)`, FETCH_AGAIN);
  }
  const { sampleRate, frameBytes, sampleBytes, read } = format;
  const total = Math.floor(size / frameBytes);
  const frames = Math.min(total, Math.ceil(maxSeconds * sampleRate));
  const view = viewOf(bytes);
  const channels = Array.from({ length: format.channels }, (_, channel) => {
    const samples = new Float32Array(frames);
    let offset = start + channel * sampleBytes;
    for (let i = 0; i < frames; i++, offset += frameBytes) samples[i] = read(view, offset);
    return samples;
  });
  return { sampleRate, channels, seconds: total / sampleRate };
}
