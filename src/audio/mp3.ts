import { runDecoder } from "./codec.ts";
import { AudioError, ascii, CONVERT, FETCH_AGAIN, type Pcm, skipId3, viewOf } from "./pcm.ts";

const RATES = [44100, 48000, 32000]; // Hz, of MPEG 1; MPEG 2 has half, MPEG 2.5 a quarter
const KBITS_1 = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const KBITS_2 = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const TAGS = ["TAG", "APETAGEX", "LYRICSBEGIN", "ID3"]; // what may follow the sound

interface Frame {
  readonly sampleRate: number; // Hz
  readonly mono: boolean;
  readonly bytes: number; // with the header
  readonly samples: number; // a channel
  readonly mpeg1: boolean;
}

/** The MPEG layer III frame header at `offset`, or undefined where there is none. */
export function mp3Frame(bytes: Uint8Array, offset: number): Frame | undefined {
  if (offset + 4 > bytes.length) return undefined;
  const header = viewOf(bytes).getUint32(offset);
  const version = (header >>> 19) & 3; // 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
  const layer = (header >>> 17) & 3; // 1: layer III
  const mpeg1 = version === 3;
  const kbits = (mpeg1 ? KBITS_1 : KBITS_2)[((header >>> 12) & 15) - 1];
  const rate = RATES[(header >>> 10) & 3];
  if (header >>> 21 !== 0x7ff || version === 1 || layer !== 1 || !kbits || !rate) return undefined;
  const sampleRate = mpeg1 ? rate : version === 2 ? rate / 2 : rate / 4;
  const samples = mpeg1 ? 1152 : 576;
  const padding = (header >>> 9) & 1;
  const length = Math.floor(((samples / 8) * kbits * 1000) / sampleRate) + padding;
  return { sampleRate, mono: ((header >>> 6) & 3) === 3, bytes: length, samples, mpeg1 };
}

/**
 * Decodes MP3 through mpg123-decoder, up to `maxSeconds`, gapless where the encoder says how. Every frame header is
 * walked first: the decoder only sees whole frames of one stream, and a file that breaks off within a frame, or that
 * has fewer frames than its Xing header counts, is an error. A file without that header cut between two frames is
 * simply a shorter file.
 */
export async function decodeMp3(bytes: Uint8Array, file: string, maxSeconds: number): Promise<Pcm> {
  const start = skipId3(bytes);
  const first = mp3Frame(bytes, start)!;
  const { end, frames } = walkFrames(bytes, start, first, file);
  const announced = announcedFrames(bytes, start, first);
  if (announced !== undefined && frames - 1 < announced) {
    throw new AudioError(file, `${announced} MP3 frames as its header says`, `${frames - 1}`, FETCH_AGAIN);
  }
  const { sampleRate } = first;
  const wanted = Math.ceil(maxSeconds * sampleRate);
  const { MPEGDecoder } = await import("mpg123-decoder");
  const { channels, length } = await runDecoder(new MPEGDecoder(), bytes.subarray(start, end), wanted, file);
  const whole = length < wanted ? length : Math.max(length, (announced ?? frames) * first.samples);
  return { sampleRate, channels: channels.slice(0, first.mono ? 1 : 2), seconds: whole / sampleRate };
}

/** The end of the last frame and the number of frames. */
function walkFrames(bytes: Uint8Array, start: number, first: Frame, file: string) {
  let end = start;
  let frames = 0;
  for (; end < bytes.length; frames++) {
    const frame = mp3Frame(bytes, end);
    if (!frame && (TAGS.some((tag) => ascii(bytes, end, tag.length) === tag) || isZero(bytes, end))) break;
    if (!frame && end + 4 <= bytes.length) {
      throw new AudioError(file, "an MP3 frame", `other bytes at ${end}`, FETCH_AGAIN);
    }
    if (!frame || end + frame.bytes > bytes.length) {
      const missing = frame ? `${end + frame.bytes - bytes.length} bytes less` : "a part of its header";
      throw new AudioError(file, "a whole last MP3 frame", missing, FETCH_AGAIN);
    }
    if (frame.sampleRate !== first.sampleRate || frame.mono !== first.mono) {
      const name = ({ sampleRate, mono }: Frame) => `${sampleRate} Hz ${mono ? "mono" : "stereo"}`;
      throw new AudioError(file, `${name(first)} MP3 throughout`, `${name(frame)} at byte ${end}`, CONVERT);
    }
    end += frame.bytes;
  }
  return { end, frames };
}

const isZero = (bytes: Uint8Array, from: number) => bytes.subarray(from).every((byte) => byte === 0);

/** Frames of sound as the Xing (Info) header in the first frame counts them. */
function announcedFrames(bytes: Uint8Array, start: number, { mpeg1, mono }: Frame): number | undefined {
  const sideInfo = mpeg1 ? (mono ? 17 : 32) : mono ? 9 : 17;
  const at = start + 4 + sideInfo;
  const hasCount = ["Xing", "Info"].includes(ascii(bytes, at, 4)) && (bytes[at + 7]! & 1) === 1;
  return hasCount ? viewOf(bytes).getUint32(at + 8) : undefined;
}
