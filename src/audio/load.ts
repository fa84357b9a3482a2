import { decodeAudio } from "./decode.ts";
import { toMono } from "./mono.ts";
import { AudioError, FETCH_AGAIN, SAMPLE_RATE } from "./pcm.ts";
import { resample } from "./resample.ts";

export { SAMPLE_RATE } from "./pcm.ts";

/** Seconds decoded beyond the cut, so that the resampler's filter sees what follows it. */
const MARGIN = 0.1;

export interface PrepareOptions {
  /** How several channels become one: see `toMono`. */
  readonly channels: "mean" | "first";
  /** The model's window; what lies beyond is neither converted nor resampled. */
  readonly maxSeconds: number;
}

export interface PreparedAudio {
  /** [n] at 16 kHz, mono, at most `maxSeconds`. */
  readonly samples: Float32Array;
  /** Length of the whole file. */
  readonly seconds: number;
  /** Whether the file was longer than `maxSeconds`. */
  readonly cut: boolean;
}

/**
 * A sound file as a model hears it: decoded, mono, 16 kHz, cut to the model's window.
 *
 * @throws AudioError as `decodeAudio` does, and for samples that are not finite
 */
export async function prepareAudio(
  bytes: Uint8Array,
  name: string,
  { channels, maxSeconds }: PrepareOptions,
): Promise<PreparedAudio> {
  if (!(maxSeconds > 0)) {
    throw new AudioError(name, "maxSeconds above 0", `${maxSeconds}`, "use the model's window, such as 30");
  }
  const pcm = await decodeAudio(bytes, name, maxSeconds + MARGIN);
  const mono = toMono(pcm, channels);
  const bad = mono.findIndex((sample) => !Number.isFinite(sample));
  if (bad >= 0) throw new AudioError(name, "finite samples", `${mono[bad]} at sample ${bad}`, FETCH_AGAIN);
  const samples = resample(mono, pcm.sampleRate, SAMPLE_RATE);
  const limit = Math.round(maxSeconds * SAMPLE_RATE);
  return {
    samples: samples.length > limit ? samples.slice(0, limit) : samples,
    seconds: pcm.seconds,
    cut: samples.length > limit,
  };
}
