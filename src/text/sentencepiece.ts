import { TokenizerError } from "./decoder.ts";
import { type Message, readMessage } from "./protobuf.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Kinds of pieces: ModelProto.SentencePiece.Type of sentencepiece_model.proto. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const BYTE = 6;
const BPE = 2; // TrainerSpec.ModelType

const SPACE = "▁";
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true }); // it is a piece like others

interface Piece {
  readonly text: string;
  readonly score: number;
  readonly kind: number;
}

/** Two neighbours that spell a piece. */
interface Pair {
  readonly left: number;
  readonly right: number;
  readonly text: string;
  readonly score: number;
}

/**
 * A byte-pair model of SentencePiece (arXiv 1808.06226) with Llama's settings: the text as it is, spaces as "▁", one
 * more in front, characters that have no piece as their UTF-8 bytes. Any two neighbours that spell a piece may merge;
 * the piece of the highest score comes first, and of equals the leftmost.
 */
export class SentencePiece implements Vocabulary {
  readonly size: number;
  /** The control pieces and the unknown one, which no text spells. */
  readonly special: readonly { readonly id: number; readonly content: string; readonly special: true }[];
  readonly #pieces: readonly Piece[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #bytes: readonly number[]; // the id of each byte

  private constructor(
    pieces: readonly Piece[],
    /** Whether text gets a space in front. */
    readonly addsSpace: boolean,
  ) {
    this.size = pieces.length;
    this.#pieces = pieces;
    this.#ids = new Map(pieces.map(({ text }, id) => [text, id]));
    this.#bytes = pieces.flatMap(({ kind }, id) => (kind === BYTE ? id : []));
    this.special = pieces.flatMap(({ text, kind }, id) =>
      kind === CONTROL || kind === UNKNOWN ? { id, content: text, special: true } : [],
    );
  }

  /** @throws TokenizerError when the bytes are no such model */
  static parse(bytes: Uint8Array): SentencePiece {
    const { pieces, trainer, normalizer } = readModel(bytes);
    const expect = (ok: boolean, expected: string, got: string) => {
      if (!ok) throw bad(expected, got);
    };
    const type = number(trainer, 3, 1);
    expect(type === BPE, "a byte-pair model (type 2)", `type ${type}`);
    const [rules = ""] = normalizer.get(2) ?? [];
    expect((rules as Uint8Array).length === 0, "text as it is", "normalisation (precompiled_charsmap)");
    expect(number(normalizer, 4, 1) === 0, "spaces as they are", "remove_extra_whitespaces");
    expect(number(normalizer, 5, 1) === 1, "spaces as ▁", "no escape_whitespaces");
    const odd = pieces.find(({ kind }) => ![NORMAL, UNKNOWN, CONTROL, BYTE].includes(kind));
    expect(!odd, "normal, unknown, control and byte pieces", `'${odd?.text}' of kind ${odd?.kind}`);
    const spelled = pieces.flatMap(({ text, kind }) => (kind === BYTE ? text : []));
    const isAll = spelled.length === 256 && spelled.every((text, byte) => Number(text.slice(1, -1)) === byte);
    expect(isAll, "a piece for each byte, in order", `${spelled.length} of them`);
    return new SentencePiece(pieces, number(normalizer, 3, 1) === 1);
  }

  cut(text: string): number[] {
    if (text === "") return [];
    const symbols = [...`${this.addsSpace ? " " : ""}${text}`.replaceAll(" ", SPACE)];
    return this.#merge(symbols).flatMap(
      (symbol) => this.#normal(symbol) ?? Array.from(encoder.encode(symbol), (byte) => this.#bytes[byte]!),
    );
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#pieces[id]?.text;
  }

  /** The id of a piece that text may spell. */
  #normal(text: string): number | undefined {
    const id = this.#ids.get(text);
    return id !== undefined && this.#pieces[id]!.kind === NORMAL ? id : undefined;
  }

  /** Merges neighbours until no two spell a piece. */
  #merge(symbols: string[]): string[] {
    const before = symbols.map((_, i) => i - 1);
    const after = symbols.map((_, i) => i + 1);
    const pairs = new Queue();
    const consider = (left: number, right: number) => {
      if (left < 0 || right >= symbols.length) return;
      const text = symbols[left]! + symbols[right]!;
      const id = this.#normal(text);
      if (id !== undefined) pairs.push({ left, right, text, score: this.#pieces[id]!.score });
    };
    for (const right of after) consider(right - 1, right);
    for (let pair = pairs.pop(); pair; pair = pairs.pop()) {
      const { left, right, text } = pair;
      const isStale = symbols[left]!.length + symbols[right]!.length !== text.length;
      if (isStale || symbols[left] === "" || symbols[right] === "") continue;
      symbols[left] = text;
      symbols[right] = "";
      after[left] = after[right]!;
      before[after[left]!] = left;
      consider(before[left]!, left);
      consider(left, after[left]!);
    }
    return symbols.filter((symbol) => symbol !== "");
  }
}

/** Pairs, the best first: a binary heap. */
class Queue {
  readonly #heap: Pair[] = [];

  push(pair: Pair): void {
    let at = this.#heap.push(pair) - 1;
    while (at > 0 && this.#isBetter(at, (at - 1) >> 1)) at = this.#swap(at, (at - 1) >> 1);
  }

  pop(): Pair | undefined {
    const heap = this.#heap;
    if (heap.length > 0) this.#swap(0, heap.length - 1);
    const best = heap.pop();
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const child = right < heap.length && this.#isBetter(right, left) ? right : left;
      if (child >= heap.length || !this.#isBetter(child, at)) return best;
      at = this.#swap(at, child);
    }
  }

  #isBetter(i: number, j: number): boolean {
    const [a, b] = [this.#heap[i]!, this.#heap[j]!];
    return a.score > b.score || (a.score === b.score && a.left < b.left);
  }

  #swap(i: number, j: number): number {
    [this.#heap[i], this.#heap[j]] = [this.#heap[j]!, this.#heap[i]!];
    return j;
  }
}

const bad = (expected: string, got: string) =>
  new TokenizerError(
    `tokenizer.model: expected ${expected}, got ${got}; use Llama's or Vicuna's, or write tokenizer.json with transformers`,
  );

/** ModelProto of sentencepiece_model.proto: pieces, TrainerSpec, NormalizerSpec. */
function readModel(bytes: Uint8Array): { pieces: Piece[]; trainer: Message; normalizer: Message } {
  try {
    const model = readMessage(bytes);
    const nested = (value: number | Uint8Array | undefined) =>
      readMessage((value as Uint8Array | undefined) ?? new Uint8Array(0));
    const pieces = (model.get(1) ?? []).map((value) => {
      const piece = nested(value);
      const text = decoder.decode(piece.get(1)?.[0] as Uint8Array);
      return { text, score: number(piece, 2, 0), kind: number(piece, 3, NORMAL) };
    });
    return { pieces, trainer: nested(model.get(2)?.[0]), normalizer: nested(model.get(3)?.[0]) };
  } catch (error) {
    throw bad("a model of SentencePiece", `other bytes (${(error as Error).message})`);
  }
}

const number = (message: Message, field: number, fallback: number): number =>
  (message.get(field)?.at(-1) as number | undefined) ?? fallback;
