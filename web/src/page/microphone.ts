/** The microphone: recorded at the device's own rate, resampled by the engine. */
import { signal } from "@preact/signals";
import { addRecording } from "./clips.ts";
import { model } from "./state.ts";
import { attempt, report } from "./troubles.ts";

export interface Meter {
  readonly seconds: number;
  /** Loudest sample of the last moment, 0 to 1. */
  readonly level: number;
}

/** From the press of the button on: the browser may ask the user first. */
export const recording = signal(false);

/** While it records. */
export const meter = signal<Meter | undefined>(undefined);

let stop: (() => void) | undefined;
export const stopRecording = (): void => stop?.();

/** Records until it is told to stop, or until there is as much as the model hears. */
export async function record(): Promise<void> {
  if (recording.value) return;
  recording.value = true;
  const stream = await openMicrophone();
  if (stream) await attempt("The sound could not be recorded", () => recordFrom(stream));
  recording.value = false;
}

/** What browsers say of a microphone, which names a cause but no remedy. */
const WORDS: Readonly<Record<string, readonly [title: string, remedy: string]>> = {
  NotAllowedError: [
    "The microphone was refused",
    "Allow it beside the browser's address bar and press Record again; or drop a sound file instead.",
  ],
  NotFoundError: [
    "There is no microphone",
    "Plug one in and press Record again; or drop a sound file instead.",
  ],
  NotReadableError: [
    "The microphone cannot be used",
    "Another program may hold it: close that and press Record again; or drop a sound file instead.",
  ],
};

async function openMicrophone(): Promise<MediaStream | undefined> {
  try {
    if (!navigator.mediaDevices)
      throw new Error(
        "microphone: expected a secure page, got one over http; open it by https, or on localhost",
      );
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    const [title, remedy] = WORDS[error instanceof Error ? error.name : ""] ?? [];
    report(title ?? "The microphone could not be opened", error, remedy);
    return undefined;
  }
}

/** Whatever happens, the microphone is off afterwards. */
async function recordFrom(stream: MediaStream): Promise<void> {
  let context: AudioContext | undefined;
  try {
    context = new AudioContext();
    const samples = await collect(context, stream, model.value?.windowSeconds ?? 30);
    if (samples.length > 0) await addRecording({ samples, rate: context.sampleRate });
  } finally {
    meter.value = undefined;
    for (const track of stream.getTracks()) track.stop();
    await context?.close();
  }
}

async function collect(context: AudioContext, stream: MediaStream, most: number): Promise<Float32Array> {
  await context.audioWorklet.addModule(new URL("recorder.js", document.baseURI).href);
  const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  const chunks: Float32Array[] = [];
  let length = 0;
  meter.value = { seconds: 0, level: 0 };
  await new Promise<void>((resolve) => {
    stop = resolve;
    stream.getAudioTracks()[0]?.addEventListener("ended", () => resolve()); // unplugged
    recorder.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
      chunks.push(data);
      length += data.length;
      const level = data.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
      meter.value = { seconds: length / context.sampleRate, level };
      if (length >= most * context.sampleRate) resolve();
    };
    context.createMediaStreamSource(stream).connect(recorder);
  });
  stop = undefined;
  const samples = new Float32Array(length);
  let at = 0;
  for (const chunk of chunks) {
    samples.set(chunk, at);
    at += chunk.length;
  }
  return samples;
}
