import {
  AudioError,
  type AudioLanguageModel,
  logMel,
  melFrames,
  preparePcm,
  SAMPLE_RATE,
} from "../../../src/index.ts";
import type { HeardClip, Recording } from "./engine.ts";

const MAX_BYTES = 2 ** 30; // of a file: it is read whole
const STRETCHES = 1000; // of a waveform, at most
const BANDS = 64; // of a spectrogram
const DARKEST = 2; // log-mel values lie within so much below the loudest
const SILENCE = -1.5; // log-mel of no sound at all

/** A sound as one model hears it. */
interface Heard {
  readonly sound: File | Recording;
  readonly model: string; // its fingerprint
  readonly samples: Float32Array; // 16 kHz, mono, at most the model's window
}

/** The clips that were heard and not let go of, by their ids. Their samples outlive a lost device, and their files a change of models. */
export class Clips {
  readonly #heard = new Map<string, Heard>();

  /** @throws AudioError for what is no sound, or too short for the model */
  async hear(model: AudioLanguageModel, sound: File | Recording): Promise<HeardClip> {
    const { samples, seconds } = await listen(model, sound);
    const tokens = model.family.audioTokens(samples.length);
    if (tokens === 0)
      throw new AudioError(
        nameOf(sound),
        "sound long enough for one audio token",
        `${seconds.toFixed(2)} s`,
        "choose a longer one",
      );
    const id = await digest(samples);
    this.#heard.set(id, { sound, model: model.fingerprint, samples });
    const heard = samples.length / SAMPLE_RATE;
    return { id, seconds, heard, tokens, waveform: waveform(samples), mel: spectrogram(samples) };
  }

  unhear(id: string): void {
    this.#heard.delete(id);
  }

  /** A clip's samples as the model hears them. */
  async samples(model: AudioLanguageModel, id: string): Promise<Float32Array> {
    const heard = this.#heard.get(id);
    if (!heard) throw new Error(`engine: expected a clip that was heard, got ${id}; hear it first`);
    if (heard.model === model.fingerprint) return heard.samples;
    const { samples } = await listen(model, heard.sound);
    this.#heard.set(id, { ...heard, model: model.fingerprint, samples });
    return samples;
  }
}

const nameOf = (sound: File | Recording): string => (sound instanceof File ? sound.name : "the recording");

async function listen(model: AudioLanguageModel, sound: File | Recording) {
  const name = nameOf(sound);
  if (!(sound instanceof File)) {
    const { channels, windowSeconds } = model.family;
    const pcm = {
      sampleRate: sound.rate,
      channels: [sound.samples],
      seconds: sound.samples.length / sound.rate,
    };
    return preparePcm(pcm, name, { channels, maxSeconds: windowSeconds });
  }
  if (sound.size > MAX_BYTES)
    throw new AudioError(
      name,
      `a file of at most ${MAX_BYTES / 2 ** 20} MiB`,
      `${Math.ceil(sound.size / 2 ** 20)} MiB`,
      `cut it: the model hears ${model.family.windowSeconds} s`,
    );
  return await model.listen(await bytesOf(sound), name);
}

async function bytesOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new AudioError(file.name, "a file that can be read", `"${got}"`, "choose it again", { cause });
  }
}

async function digest(samples: Float32Array): Promise<string> {
  const bytes = new Uint8Array(samples.buffer as ArrayBuffer, samples.byteOffset, samples.byteLength);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Lowest and highest sample of each of equally long stretches: [stretches, 2]. */
function waveform(samples: Float32Array): Float32Array {
  const stretches = Math.min(STRETCHES, samples.length);
  const out = new Float32Array(2 * stretches);
  for (let i = 0; i < stretches; i++) {
    let [low, high] = [1, -1];
    const end = Math.floor(((i + 1) * samples.length) / stretches);
    for (let t = Math.floor((i * samples.length) / stretches); t < end; t++) {
      low = Math.min(low, samples[t]!);
      high = Math.max(high, samples[t]!);
    }
    out.set([low, high], 2 * i);
  }
  return out;
}

function spectrogram(samples: Float32Array): HeardClip["mel"] {
  const frames = Math.max(2, melFrames(samples.length));
  const mel = logMel(samples, { mels: BANDS, frames });
  const loudest = mel.reduce((most, value) => Math.max(most, value), SILENCE + DARKEST);
  const values = Uint8Array.from(mel, (value) => (255 * (value - loudest + DARKEST)) / DARKEST);
  return { frames, bands: BANDS, values };
}
