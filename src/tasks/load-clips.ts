import { readFile } from "#files";
import { AudioError } from "../audio/decode.ts";
import { type PreparedAudio, SAMPLE_RATE } from "../audio/load.ts";
import { SourceError } from "../io/source.ts";
import { type Row, resolvePath } from "./dataset.ts";

/** What hearing a clip asks of a model; `AudioLanguageModel` has it. */
export interface ClipListener {
  readonly family: {
    readonly windowSeconds: number;
    audioTokens(samples: number): number;
  };
  listen(bytes: Uint8Array, name: string): Promise<PreparedAudio>;
}

/** A clip at 16 kHz, mono, at most the model's window; or why there is none. */
export type LoadedClip = { readonly samples: Float32Array } | { readonly reason: string };

const SILENCE = 0.1 * SAMPLE_RATE; // samples between files that are joined, as SALMONN's data loader puts them

/**
 * A row's clip: its files read and decoded as the model hears them, joined with 0.1 s of silence, cut to the model's
 * window. A file that is missing, no sound or too short for the model is the result's `reason`, not an error: one such
 * row must not end a run.
 *
 * @param folder that relative paths count from, or its URL: the data file's
 */
export async function loadClip(model: ClipListener, { audio }: Row, folder: string): Promise<LoadedClip> {
  const window = Math.round(model.family.windowSeconds * SAMPLE_RATE);
  const parts: Float32Array[] = [];
  try {
    for (const file of audio) {
      const path = resolvePath(folder, file);
      const { samples } = await model.listen(await readFile(path), path);
      if (parts.length > 0) parts.push(new Float32Array(SILENCE));
      parts.push(samples);
    }
  } catch (error) {
    if (error instanceof SourceError || error instanceof AudioError) return { reason: error.message };
    throw error;
  }
  const samples = join(parts).slice(0, window);
  if (model.family.audioTokens(samples.length) > 0) return { samples };
  return {
    reason: `audio: ${audio.join(", ")}: expected a clip long enough for one audio token, got ${samples.length} samples`,
  };
}

function join(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
