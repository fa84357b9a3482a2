import { runDecoder } from "./codec.ts";
import { AudioError, ascii, CONVERT, checkHeader, FETCH_AGAIN, type Pcm, viewOf } from "./pcm.ts";

const HEADER = 27; // bytes of a page before its table of segments
const CRC_AT = 22;
const FIRST_PAGE = 2;
const LAST_PAGE = 4;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

/**
 * Decodes Ogg Vorbis through @wasm-audio-decoders/ogg-vorbis, up to `maxSeconds`. Every page's checksum and number is
 * checked first, and the last page must say that it is the last, so damage and truncation are errors.
 */
export async function decodeOgg(bytes: Uint8Array, file: string, maxSeconds: number): Promise<Pcm> {
  const { first, end, samples } = walkPages(bytes, file);
  if (ascii(first, 0, 7) !== "\x01vorbis" || first.length < 30) {
    const codecs = { OpusHead: "Opus", "\x7fFLAC": "FLAC", Speex: "Speex" };
    const found = Object.entries(codecs).find(([magic]) => ascii(first, 0, magic.length) === magic);
    throw new AudioError(file, "Vorbis in Ogg", found?.[1] ?? "another codec", CONVERT);
  }
  const sampleRate = viewOf(first).getUint32(12, true);
  checkHeader(file, sampleRate, first[11]!);
  const wanted = Math.ceil(maxSeconds * sampleRate);
  const { OggVorbisDecoder } = await import("@wasm-audio-decoders/ogg-vorbis");
  const { channels, length } = await runDecoder(new OggVorbisDecoder(), bytes.subarray(0, end), wanted, file);
  const whole = length < wanted ? length : Math.max(length, samples);
  return { sampleRate, channels, seconds: whole / sampleRate };
}

/** The body of the first page, the end of the last one, and the samples it says there are. */
function walkPages(bytes: Uint8Array, file: string) {
  const view = viewOf(bytes);
  const truncated = (at: number) =>
    new AudioError(file, "a page marked as the last", `an end at byte ${at}`, FETCH_AGAIN);
  let first: Uint8Array | undefined;
  let end = 0;
  for (let page = 0; ; page++) {
    const at = end;
    if (at + HEADER > bytes.length) throw truncated(bytes.length);
    const flags = bytes[at + 5]!;
    const segments = bytes[at + 26]!;
    const body = at + HEADER + segments;
    end = bytes.subarray(at + HEADER, body).reduce((sum, size) => sum + size, body);
    if (end > bytes.length) throw truncated(bytes.length);
    if (ascii(bytes, at, 4) !== "OggS" || checksum(bytes, at, end) !== view.getUint32(at + CRC_AT, true)) {
      throw new AudioError(file, "an Ogg page with the right checksum", `damage at byte ${at}`, FETCH_AGAIN);
    }
    if (page > 0 && flags & FIRST_PAGE) {
      throw new AudioError(file, "one stream", "several in one Ogg file", CONVERT);
    }
    if (view.getUint32(at + 18, true) !== page) {
      const got = `page ${view.getUint32(at + 18, true)}`;
      throw new AudioError(file, `Ogg page ${page} at byte ${at}`, got, FETCH_AGAIN);
    }
    first ??= bytes.subarray(body, end);
    if (flags & LAST_PAGE) return { first, end, samples: Number(view.getBigInt64(at + 6, true)) };
  }
}

/** Ogg's CRC-32 (polynomial 0x04c11db7, nothing reflected) of one page, its own checksum counted as 0. */
function checksum(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let i = start; i < end; i++) {
    const byte = i >= start + CRC_AT && i < start + CRC_AT + 4 ? 0 : bytes[i]!;
    crc = (crc << 8) ^ CRC_TABLE[((crc >>> 24) ^ byte) & 0xff]!;
  }
  return crc >>> 0;
}
