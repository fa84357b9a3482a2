import { bytesOfF32, sha256 } from "../io/hash.ts";
import type { Store } from "../io/store.ts";
import type { HeadMask } from "../mask/head-mask.ts";
import type { AudioLanguageModel, EncodedClip } from "../model/index.ts";
import { ClipCache } from "../tasks/clip-cache.ts";
import type { Row } from "../tasks/dataset.ts";
import { type LoadedClip, loadClip } from "../tasks/load-clips.ts";
import { AnswerBook } from "./answer-book.ts";
import type { StudyTask } from "./study.ts";

/** A task's clips under one condition: an instruction or none, a mask or none. */
export interface Cell {
  readonly task: StudyTask;
  /** Those of the task's rows that are asked about; all if not given. */
  readonly rows?: readonly Row[];
  readonly prompt?: string;
  readonly mask?: HeadMask;
}

/** A row of a cell with the model's answer. */
export interface CellAnswer {
  readonly row: Row;
  readonly hypothesis: string;
  readonly reference: string;
}

export interface LabOptions {
  /** Rows decoded together; 16 if not given. */
  readonly batch?: number;
  /** Most tokens of an answer; the model's own if not given. */
  readonly maxNewTokens?: number;
  /** Rows of a task that are asked about, from its first; all if not given. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
  /** So many of all are there, for so many of which the model was asked now. */
  readonly onProgress?: (done: number, of: number, asked: number) => void;
  /** A clip that cannot be heard; its rows are left out. */
  readonly onUnheard?: (reason: string) => void;
}

const BATCH = 16;
const ANSWERING = 1; // counts changes to what the engine answers: answers of another are asked again

interface Question {
  readonly key: string;
  readonly audio: EncodedClip;
  readonly prompt: string;
  readonly mask?: HeadMask;
}

/** A model with a book of its answers: what was asked once, in this run or an earlier one, is not asked again. */
export class Lab {
  readonly #book: AnswerBook;
  readonly #cache: ClipCache;
  readonly #unheard = new Set<string>();

  private constructor(
    readonly model: AudioLanguageModel,
    book: AnswerBook,
    cache: ClipCache,
    readonly options: LabOptions,
  ) {
    this.#book = book;
    this.#cache = cache;
  }

  /** @param store where answers.jsonl is kept @param clips embeddings of clips, for all runs */
  static async open(
    model: AudioLanguageModel,
    store: Store,
    clips: Store,
    options: LabOptions = {},
  ): Promise<Lab> {
    return new Lab(model, await AnswerBook.open(store), new ClipCache(model, clips), options);
  }

  /**
   * Answers each cell's rows, in their order. Goes from clip to clip: all that is to be known of one is asked together, each
   * row of the batch under its own mask.
   *
   * @throws MaskError for a mask of another model, GenerateError, DeviceLostError, the signal's reason
   */
  async answer(cells: readonly Cell[]): Promise<CellAnswer[][]> {
    const answers = cells.map((): CellAnswer[] => []);
    const byClip = this.#byClip(cells);
    const of = cells.reduce((sum, cell) => sum + this.rows(cell).length, 0);
    let [done, asked] = [0, 0];
    const pending: Question[] = [];
    const places: { cell: number; row: Row; key: string }[] = [];
    for (const wanted of byClip.values()) {
      this.options.signal?.throwIfAborted();
      const [first] = wanted;
      const clip = await this.#hear(first!.row, cells[first!.cell]!.task);
      done += wanted.length;
      if ("reason" in clip) continue;
      const hash = await sha256(bytesOfF32(clip.samples));
      let audio: EncodedClip | undefined;
      for (const { cell, row } of wanted) {
        const { prompt = "", mask } = cells[cell]!;
        const key = await this.#key(hash, prompt, mask);
        places.push({ cell, row, key });
        if (this.#book.get(key) !== undefined || pending.some((question) => question.key === key)) continue;
        audio ??= (await this.#cache.get([clip.samples]))[0]!;
        pending.push({ key, audio, prompt, ...(mask && { mask }) });
      }
      while (pending.length >= this.#batch) {
        await this.#ask(pending.splice(0, this.#batch));
        asked += this.#batch;
        this.options.onProgress?.(done - pending.length, of, asked);
      }
    }
    if (pending.length > 0) await this.#ask(pending);
    this.options.onProgress?.(of, of, asked + pending.length);
    for (const { cell, row, key } of places)
      answers[cell]!.push({ row, hypothesis: this.#book.get(key)!, reference: row.text });
    return answers.map((list) => list.sort((a, b) => a.row.row - b.row.row));
  }

  /** The rows that a cell is about. */
  rows({ task, rows = task.rows }: Cell): readonly Row[] {
    return rows.slice(0, this.options.limit);
  }

  get #batch(): number {
    return this.options.batch ?? BATCH;
  }

  /** Which cells ask about which rows of each clip. */
  #byClip(cells: readonly Cell[]): Map<string, { readonly cell: number; readonly row: Row }[]> {
    const byClip = new Map<string, { cell: number; row: Row }[]>();
    for (const [cell, asked] of cells.entries())
      for (const row of this.rows(asked)) {
        const clip = JSON.stringify([asked.task.folder, row.audio]);
        const wanted = byClip.get(clip) ?? [];
        byClip.set(clip, wanted);
        wanted.push({ cell, row });
      }
    return byClip;
  }

  async #ask(questions: readonly Question[]): Promise<void> {
    const { maxNewTokens, signal } = this.options;
    const answers = await this.model.answer(questions, {
      ...(maxNewTokens && { maxNewTokens }),
      ...(signal && { signal }),
    });
    await this.#book.add(answers.map(({ text }, i) => [questions[i]!.key, text] as const));
  }

  /** A row's clip as the model hears it, encoded once for all; undefined if it cannot be heard. */
  async encode(row: Row, task: StudyTask): Promise<EncodedClip | undefined> {
    const clip = await this.#hear(row, task);
    return "reason" in clip ? undefined : (await this.#cache.get([clip.samples]))[0];
  }

  async #hear(row: Row, { folder }: StudyTask): Promise<LoadedClip> {
    const clip = await loadClip(this.model, row, folder);
    if ("reason" in clip && !this.#unheard.has(clip.reason)) {
      this.#unheard.add(clip.reason);
      this.options.onUnheard?.(clip.reason);
    }
    return clip;
  }

  /** What decides an answer: the engine and its adapter, model, sound, instruction, the mask's heads, its length. */
  async #key(clip: string, prompt: string, mask: HeadMask | undefined): Promise<string> {
    const { info, scalar } = this.model.family.lm.gpu;
    const what = [
      ...[ANSWERING, info.device, info.description, scalar],
      this.model.fingerprint,
      clip,
      prompt,
      mask ? [...mask.toBits()] : null,
      this.options.maxNewTokens ?? null,
    ];
    return (await sha256(new TextEncoder().encode(JSON.stringify(what)))).slice(0, 32);
  }
}
