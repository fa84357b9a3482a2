import { decodeAudio } from "./decode.ts";
import { toMono } from "./mono.ts";
import { AudioError, FETCH_AGAIN, type Pcm, SAMPLE_RATE } from "./pcm.ts";
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
  options: PrepareOptions,
): Promise<PreparedAudio> {
  checkWindow(name, options);
  return preparePcm(await decodeAudio(bytes, name, options.maxSeconds + MARGIN), name, options);
}

/** The same for sound that is decoded, such as a recording. @throws AudioError for samples that are not finite */
export function preparePcm(
  { channels, sampleRate, seconds }: Pcm,
  name: string,
  options: PrepareOptions,
): PreparedAudio {
  checkWindow(name, options);
  const frames = Math.ceil((options.maxSeconds + MARGIN) * sampleRate);
  const mono = toMono({ channels: channels.map((c) => c.subarray(0, frames)) }, options.channels);
  const bad = mono.findIndex((sample) => !Number.isFinite(sample));
  if (bad >= 0) throw new AudioError(name, "finite samples", `${mono[bad]} at sample ${bad}`, FETCH_AGAIN);
  const samples = resample(mono, sampleRate, SAMPLE_RATE);
  const limit = Math.round(options.maxSeconds * SAMPLE_RATE);
  return {
    samples: samples.length > limit ? samples.slice(0, limit) : samples,
    seconds,
    cut: samples.length > limit,
  };
}

function checkWindow(name: string, { maxSeconds }: PrepareOptions): void {
  if (maxSeconds > 0) return;
  throw new AudioError(name, "maxSeconds above 0", `${maxSeconds}`, "use the model's window, such as 30");
}
