import { AudioError, FETCH_AGAIN } from "./pcm.ts";

/** What the three wasm decoders have in common. */
export interface Decoder {
  readonly ready: Promise<void>;
  decode(slice: Uint8Array): Decoded | Promise<Decoded>;
  flush?(): Promise<Decoded>;
  free(): void;
}

interface Decoded {
  readonly channelData: readonly Float32Array[];
  readonly samplesDecoded: number;
  readonly errors: readonly { readonly message: string }[];
}

const SLICE = 65536; // bytes fed at a time, so that a long file can be left early

/**
 * Feeds `bytes` to a wasm decoder until `frames` samples a channel are there or the input ends, frees the decoder and
 * returns what came: no channels where nothing did. `tail` is fed after the input where that was not enough. Throws AudioError where the decoder reports an error or fails.
 */
export async function runDecoder(
  decoder: Decoder,
  bytes: Uint8Array,
  frames: number,
  file: string,
  tail?: Uint8Array,
): Promise<{ length: number; channels: Float32Array[] }> {
  const parts: (readonly Float32Array[])[] = [];
  let got = 0;
  const keep = ({ channelData, samplesDecoded, errors }: Decoded) => {
    const first = errors[0];
    if (first) throw new AudioError(file, "data that decodes", `"${first.message}"`, FETCH_AGAIN);
    if (samplesDecoded > 0) parts.push(channelData);
    got += samplesDecoded;
  };
  await decoder.ready;
  try {
    for (let at = 0; at < bytes.length && got < frames; at += SLICE) {
      keep(await decoder.decode(bytes.subarray(at, at + SLICE)));
    }
    if (got < frames && tail) keep(await decoder.decode(tail));
    if (got < frames && decoder.flush) keep(await decoder.flush());
  } catch (error) {
    if (error instanceof AudioError) throw error;
    throw new AudioError(file, "data that decodes", `"${String(error)}"`, FETCH_AGAIN, { cause: error });
  } finally {
    decoder.free();
  }
  const length = Math.min(got, frames);
  return { length, channels: (parts[0] ?? []).map((_, channel) => join(parts, channel, length)) };
}

function join(parts: readonly (readonly Float32Array[])[], channel: number, length: number): Float32Array {
  const all = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    const samples = part[channel]!.subarray(0, length - at);
    all.set(samples, at);
    at += samples.length;
  }
  return all;
}
