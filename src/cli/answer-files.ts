import { DeviceLostError } from "../gpu/errors.ts";
import type { AnswerOptions, AudioLanguageModel, HeadMask } from "../index.ts";
import { explain } from "./errors.ts";

type Library = typeof import("../index.ts");

/** One question to all files. */
export interface Asked {
  readonly prompt: string;
  readonly mask?: HeadMask | undefined;
  /** The mask's file. */
  readonly maskName: string | null;
}

interface Result {
  readonly audio: string;
  readonly prompt: string;
  readonly mask: string | null;
}

/** A file and the model's answer. */
export interface Answered extends Result {
  readonly text: string;
  readonly tokens: readonly number[];
  /** To decode the file; from then to the first token; from the first token to the last; all three. */
  readonly ms: {
    readonly audio: number;
    readonly firstToken: number;
    readonly decode: number;
    readonly total: number;
  };
}

/** A file that could not be answered, and why. */
export interface Failed extends Result {
  readonly error: string;
}

export interface Listener {
  /** A piece of an answer, as it comes. */
  text?(piece: string): void;
  /** Something a person should know about a file. */
  note(text: string): void;
  /** Tokens of a batch, and the time it took to make them. */
  batch(tokens: number, ms: number): void;
}

const BATCH = 8; // files

/** A file that was read, at 16 kHz. */
interface Clip {
  readonly path: string;
  readonly samples: Float32Array;
  readonly ms: number;
}

/** Answers about sound files, a batch at a time, in their order; a file that fails does not hold up the others. */
export class FileAnswerer {
  constructor(
    private readonly library: Library,
    private readonly model: AudioLanguageModel,
    private readonly asked: Asked,
    private readonly options: AnswerOptions,
    private readonly listener: Listener,
  ) {}

  /** @throws DeviceLostError, and the signal's reason; what concerns one file becomes its result */
  async *answer(paths: readonly string[]): AsyncGenerator<Answered | Failed> {
    for (let from = 0; from < paths.length; from += BATCH) {
      const batch = paths.slice(from, from + BATCH);
      const clips: (Clip | Failed)[] = [];
      for (const path of batch) {
        this.options.signal?.throwIfAborted();
        clips.push(await this.#hear(path));
      }
      const heard = clips.filter((clip): clip is Clip => "samples" in clip);
      const answers = heard.length ? await this.#answerBatch(heard) : [];
      for (const clip of clips) yield "samples" in clip ? answers.shift()! : clip;
    }
  }

  async #hear(path: string): Promise<Clip | Failed> {
    const { channels, windowSeconds } = this.model.family;
    const start = performance.now();
    try {
      const bytes = await this.library.readFile(path);
      const { samples, seconds, cut } = await this.library.prepareAudio(bytes, path, {
        channels,
        maxSeconds: windowSeconds,
      });
      if (cut) {
        this.listener.note(
          `${path}: ${duration(seconds)}, cut to the first ${windowSeconds} s, the model's window`,
        );
      }
      return { path, samples, ms: performance.now() - start };
    } catch (error) {
      return this.#failed(path, error);
    }
  }

  /** When a batch fails, each file is asked about alone, to find out which of them it was. */
  async #answerBatch(clips: readonly Clip[]): Promise<(Answered | Failed)[]> {
    try {
      return await this.#answerTogether(clips);
    } catch (error) {
      if (this.options.signal?.aborted || error instanceof DeviceLostError) throw error;
      const [clip, ...others] = clips;
      if (others.length === 0) return [this.#failed(clip!.path, error)];
      const results: (Answered | Failed)[] = [];
      for (const alone of clips) results.push(...(await this.#answerBatch([alone])));
      return results;
    }
  }

  async #answerTogether(clips: readonly Clip[]): Promise<Answered[]> {
    const { model, options, listener } = this;
    const { prompt, mask, maskName } = this.asked;
    const stop = options.stop ?? model.family.generation.stop;
    const rows = clips.map(() => ({ text: "", tokens: [] as number[], first: 0, last: 0 }));
    const start = performance.now();
    const questions = clips.map(({ samples }) => ({ audio: samples, prompt, ...(mask && { mask }) }));
    for await (const { row, id, text, last } of model.stream(questions, options)) {
      const answer = rows[row]!;
      answer.last = performance.now() - start;
      answer.first ||= answer.last;
      answer.tokens.push(id);
      answer.text += text;
      listener.text?.(text);
      if (last && !stop.includes(id)) {
        listener.note(
          `${clips[row]!.path}: cut off after ${answer.tokens.length} tokens; see --max-new-tokens`,
        );
      }
    }
    const tokens = rows.reduce((sum, row) => sum + row.tokens.length, 0);
    listener.batch(tokens, performance.now() - start);
    return clips.map(({ path, ms }, i) => {
      const { text, tokens, first, last } = rows[i]!;
      const times = { audio: ms, firstToken: first, decode: last - first, total: ms + last };
      return { audio: path, prompt, mask: maskName, text, tokens, ms: tenths(times) };
    });
  }

  #failed(path: string, error: unknown): Failed {
    const { prompt, maskName } = this.asked;
    const reason = explain(error);
    return {
      audio: path,
      prompt,
      mask: maskName,
      error: reason.includes(path) ? reason : `${path}: ${reason}`,
    };
  }
}

/** Milliseconds to one decimal: more would be noise. */
const tenths = <T extends Record<string, number>>(times: T): T =>
  Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, Math.round(ms * 10) / 10])) as T;

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(1)} minutes` : `${(seconds / 3600).toFixed(1)} hours`;
}
