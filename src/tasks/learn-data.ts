import { bytesOfF32, sha256 } from "../io/hash.ts";
import { LearnError } from "../mask/errors.ts";
import { type Lesson, toExample } from "../mask/examples.ts";
import { shuffled } from "../mask/noise.ts";
import type { AudioLanguageModel } from "../model/index.ts";
import type { ClipCache } from "./clip-cache.ts";
import { DataError, type Row } from "./dataset.ts";
import type { Unheard } from "./evaluate.ts";
import { type LoadedClip, loadClip } from "./load-clips.ts";

/** Rows, and where their clips are. */
export interface LearnData {
  /** For messages. */
  readonly name: string;
  readonly rows: readonly Row[];
  /** The folder, or its URL, that relative paths count from; or whoever gives a row's clip, such as one heard before. */
  readonly clips: string | ((row: Row) => Promise<LoadedClip>);
}

export interface Prepared {
  readonly lessons: readonly Lesson[];
  /** SHA-256 of all that is learned from: sounds, answers, instruction. */
  readonly hash: string;
}

/** A row that cannot be used, or how many have been looked at. */
export type PrepareEvent =
  | (Unheard & { readonly kind: "unheard"; readonly data: string })
  | { readonly kind: "heard"; readonly rows: number; readonly of: number };

const GROUP = 8; // clips decoded and encoded together

/**
 * The rows as lessons, their clips encoded; a row whose clip cannot be heard, or which is too long for the model, is
 * said and left out.
 *
 * @throws DataError when none is left, GenerateError, DeviceLostError, SourceError of the cache, the signal's reason
 */
export async function* prepareLessons(
  model: AudioLanguageModel,
  { name: data, rows, clips }: LearnData,
  prompt: string,
  cache: ClipCache,
  signal?: AbortSignal,
): AsyncGenerator<PrepareEvent, Prepared> {
  const lessons: Lesson[] = [];
  const lines: string[] = [];
  for (let from = 0; from < rows.length; from += GROUP) {
    const heard: { readonly row: Row; readonly samples: Float32Array }[] = [];
    for (const row of rows.slice(from, from + GROUP)) {
      signal?.throwIfAborted();
      const clip = await (typeof clips === "string" ? loadClip(model, row, clips) : clips(row));
      if ("samples" in clip) heard.push({ row, samples: clip.samples });
      else yield { kind: "unheard", data, row: row.row, reason: clip.reason };
    }
    const encoded = await cache.stored(heard.map(({ samples }) => samples));
    for (const [i, { row, samples }] of heard.entries()) {
      const lesson = { name: `row ${row.row} (${row.audio})`, audio: encoded[i]!, text: row.text, prompt };
      const reason = unfit(model, lesson);
      if (reason !== undefined) yield { kind: "unheard", data, row: row.row, reason };
      else {
        lessons.push(lesson);
        lines.push(`${await sha256(bytesOfF32(samples))} ${JSON.stringify([row.text, prompt])}\n`);
      }
    }
    yield { kind: "heard", rows: Math.min(from + GROUP, rows.length), of: rows.length };
  }
  if (lessons.length === 0)
    throw new DataError(`data: ${data}: expected a row that can be used, got none; see the rows' reasons`);
  return { lessons, hash: await sha256(new TextEncoder().encode(lines.join(""))) };
}

/** Why the model cannot learn a lesson, if so. */
function unfit(model: AudioLanguageModel, lesson: Lesson): string | undefined {
  try {
    toExample(model, lesson);
    return undefined;
  } catch (error) {
    if (error instanceof LearnError) return error.message;
    throw error;
  }
}

const HELD_OUT = 0.1; // share of the rows
const NO_EPOCH = 2 ** 32 - 1; // the order of an epoch that no run comes to

/**
 * A tenth of the rows, at least one, for validation, and the others to learn from; the seed chooses them.
 *
 * @throws DataError for fewer than two rows
 */
export function holdOut(
  rows: readonly Row[],
  seed: number,
): { readonly learn: Row[]; readonly validate: Row[] } {
  if (rows.length < 2)
    throw new DataError(`data: expected two rows or more to hold out one for validation, got ${rows.length}`);
  const count = Math.max(1, Math.round(HELD_OUT * rows.length));
  const out = new Set(shuffled(seed, NO_EPOCH, rows.length).subarray(0, count));
  return { learn: rows.filter((_, i) => !out.has(i)), validate: rows.filter((_, i) => out.has(i)) };
}
