import { decodeFlac } from "./flac.ts";
import { decodeMp3, mp3Frame } from "./mp3.ts";
import { decodeOgg } from "./ogg.ts";
import { AudioError, ascii, CONVERT, FETCH_AGAIN, type Pcm, skipId3 } from "./pcm.ts";
import { decodeWav } from "./wav.ts";

export { AudioError, type Pcm } from "./pcm.ts";

/**
 * Decodes a WAV, FLAC, MP3 or Ogg Vorbis file, told apart by their first bytes. The codecs load when first needed.
 *
 * @param bytes the whole file
 * @param name what to call it in errors
 * @param maxSeconds decode no further than this; `seconds` still tells the length of the whole file
 * @throws AudioError for an empty, truncated, damaged or foreign file, 0 Hz, or no channels
 */
export async function decodeAudio(
  bytes: Uint8Array,
  name: string,
  maxSeconds = Number.POSITIVE_INFINITY,
): Promise<Pcm> {
  const pcm = await decoderOf(bytes, name)(bytes, name, maxSeconds);
  if (!pcm.channels[0]?.length) throw new AudioError(name, "at least one sample", "none", NO_SOUND);
  return pcm;
}

type DecodeFile = (bytes: Uint8Array, name: string, maxSeconds: number) => Pcm | Promise<Pcm>;

function decoderOf(bytes: Uint8Array, name: string): DecodeFile {
  const start = skipId3(bytes);
  if (["RIFF", "RF64"].includes(ascii(bytes, 0, 4)) && ascii(bytes, 8, 4) === "WAVE") return decodeWav;
  if (ascii(bytes, start, 4) === "fLaC") return decodeFlac;
  if (ascii(bytes, 0, 4) === "OggS") return decodeOgg;
  if (mp3Frame(bytes, start)) return decodeMp3;
  const [got, remedy] = looksLike(bytes, start);
  throw new AudioError(name, "a WAV, FLAC, MP3 or Ogg Vorbis file", got, remedy);
}

const NO_SOUND = "give it a file that holds sound";

const MAGIC: readonly (readonly [offset: number, magic: string, name: string, remedy: string])[] = [
  [4, "ftyp", "an MP4 or M4A file", CONVERT],
  [0, "\x1aE\xdf\xa3", "a WebM or Matroska file", CONVERT],
  [0, "FORM", "an AIFF file", CONVERT],
  [0, "caff", "a CAF file", CONVERT],
  [0, ".snd", "an AU file", CONVERT],
  [0, "#!AMR", "an AMR file", CONVERT],
  [0, "\xff\xf1", "an AAC file", CONVERT],
  [0, "\xff\xf9", "an AAC file", CONVERT],
  [0, "version https://git-lfs", "a Git LFS pointer", "fetch the file it stands for with `git lfs pull`"],
  [0, "PK\x03\x04", "a zip archive", NO_SOUND],
  [0, "\x1f\x8b", "a gzip archive", NO_SOUND],
  [0, "\x89PNG", "a PNG image", NO_SOUND],
  [0, "\xff\xd8\xff", "a JPEG image", NO_SOUND],
  [0, "%PDF", "a PDF document", NO_SOUND],
];

/** A guess at what a file of none of the four formats is, and what to do about it. */
function looksLike(bytes: Uint8Array, start: number): readonly [got: string, remedy: string] {
  if (bytes.length === 0) return ["an empty file", NO_SOUND];
  if (start >= bytes.length) return ["an ID3 tag with nothing after it", FETCH_AGAIN];
  const known = MAGIC.find(([offset, magic]) => ascii(bytes, offset, magic.length) === magic);
  if (known) return [known[2], known[3]];
  const head = ascii(bytes, 0, 24);
  if (/^[\t\n\r\x20-\x7e]+$/.test(head)) return [`text that begins ${JSON.stringify(head)}`, NO_SOUND];
  const hex = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0"));
  return [`bytes that begin ${hex.join(" ")}`, NO_SOUND];
}
