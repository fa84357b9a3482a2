import { CachedSource, limiter, type Traffic } from "./cached-source.ts";
import {
  type Fact,
  isWhole,
  type KeptFiles,
  PIECE,
  pieceCount,
  pieceId,
  SUM,
  type WholeFact,
} from "./kept-files.ts";
import {
  type ByteSource,
  checkFile,
  decodeText,
  type Folder,
  MAX_TEXT,
  NoRangeError,
  type OpenOptions,
  type Sink,
  SourceError,
  UnreachableError,
} from "./source.ts";

/** Pieces that come at a time: each is 16 MiB of memory. */
const ABREAST = 4;

/**
 * A model's files, read through a `ModelCache`. Of a model that is not whole here, the server is asked for each file's size and
 * version; where it does not answer, and once the model is whole, what is kept serves.
 */
export class CachedFolder implements Folder {
  readonly name: string;
  /** Bytes of weights so far. */
  readonly traffic: Traffic = { fetched: 0, kept: 0 };
  readonly #limit = limiter(ABREAST);
  #unreachable = false;

  constructor(
    private readonly remote: Folder,
    private readonly files: KeptFiles,
  ) {
    this.name = remote.name;
  }

  /** Why the model is not kept for the next visit, in words; it is read over the network all the same. */
  get notKept(): string | undefined {
    return this.files.notKept;
  }

  has(file: string, options?: OpenOptions): Promise<boolean> {
    return this.#ask(
      async () => {
        const fact = await this.#fact(file);
        return fact === undefined ? undefined : fact !== false;
      },
      async () => {
        const there = await this.remote.has(file, options);
        if (!there || !(await this.#fact(file))) await this.files.note(file, there);
        return there;
      },
    );
  }

  open(file: string, options?: OpenOptions): Promise<ByteSource> {
    return this.#ask(
      async () => {
        const fact = await this.#fact(file);
        return isWhole(fact) ? this.#source(file, fact) : undefined;
      },
      async () => {
        const found = await this.remote.open(file, options).catch((error) => {
          if (error instanceof NoRangeError) return this.#download(file, error, options);
          throw error;
        });
        if ("id" in found) return this.#source(file, found);
        const fact = await factOf(file, found);
        await this.files.note(file, fact);
        return this.#source(file, fact, found);
      },
    );
  }

  text(file: string, options?: OpenOptions): Promise<string> {
    return this.#ask(
      () => this.#keptText(file),
      async () => {
        const text = await this.remote.text(file, options);
        const bytes = new TextEncoder().encode(text);
        const fact = { id: await pieceId(file, text), size: bytes.length };
        await this.files.note(file, fact);
        for (let i = 0; i < pieceCount(bytes.length); i++) {
          const part = bytes.subarray(i * PIECE, (i + 1) * PIECE);
          const piece = new Uint8Array(part.length + SUM);
          piece.set(part);
          await this.files.keep(fact.id, i, piece);
        }
        return text;
      },
    );
  }

  /**
   * Says that the model has been loaded, so that all that it takes has been read: if it could be kept, it is whole, and is
   * served from here without a request from now on.
   */
  async markWhole(): Promise<void> {
    const { files: read } = await this.files.manifest();
    if (this.notKept !== undefined) return;
    await this.files.update((manifest) => {
      const same = Object.keys(read).every(
        (file) => JSON.stringify(manifest.files[file]) === JSON.stringify(read[file]),
      );
      return same ? { ...manifest, complete: true } : manifest; // else it was deleted meanwhile
    });
  }

  async #fact(file: string): Promise<Fact | undefined> {
    const { files } = await this.files.manifest();
    return Object.hasOwn(files, checkFile(file)) ? files[file] : undefined;
  }

  /** What is kept where the model is whole or the server does not answer, else what the server says. */
  async #ask<T>(kept: () => Promise<T | undefined>, ask: () => Promise<T>): Promise<T> {
    const trusted = this.#unreachable || (await this.files.manifest()).complete;
    const known = trusted ? await kept() : undefined;
    if (known !== undefined) return known;
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      const known = await kept();
      if (known === undefined) throw error;
      this.#unreachable = true;
      return known;
    }
  }

  async #keptText(file: string): Promise<string | undefined> {
    const fact = await this.#fact(file);
    if (!isWhole(fact) || fact.size > MAX_TEXT) return undefined;
    const bytes = new Uint8Array(fact.size);
    for (let i = 0; i < pieceCount(fact.size); i++) {
      const piece = await this.files.piece(fact.id, i, Math.min(PIECE, fact.size - i * PIECE));
      if (!piece) return undefined;
      bytes.set(piece, i * PIECE);
    }
    return decodeText(`${this.name}/${file}`, bytes);
  }

  #source(file: string, fact: WholeFact, found?: ByteSource): ByteSource {
    let remote = found && Promise.resolve(found);
    const reopen = async (): Promise<ByteSource> => {
      const now = await this.remote.open(file).catch((error) => this.#distrust(mendable(error, this.name)));
      if ((await factOf(file, now)).id === fact.id) return now;
      return this.#distrust(
        new SourceError(
          `cache: expected ${now.name} as it was kept, got another version; load the model again`,
        ),
      );
    };
    const open = () => {
      remote ??= reopen();
      remote.catch(() => {
        remote = undefined;
      });
      return remote;
    };
    return new CachedSource(`${this.name}/${file}`, fact, this.files, open, this.#limit, this.traffic);
  }

  /** A whole model that lacks something and cannot get it is not whole: the next load asks the server. */
  async #distrust(error: unknown): Promise<never> {
    if (!(error instanceof UnreachableError))
      await this.files.update((manifest) => ({ ...manifest, complete: false }));
    throw error;
  }

  /** Keeps a whole file as it comes, from a server that has no parts to give. */
  #download(
    file: string,
    reason: NoRangeError,
    { signal, onProgress }: OpenOptions = {},
  ): Promise<WholeFact> {
    const { remote, files } = this;
    if (!remote.stream) throw reason;
    const work = async () => {
      let total = 0;
      const piece = new Uint8Array(PIECE + SUM);
      let kept: WholeFact | undefined;
      let id = "";
      let size = 0;
      const keep = async (length: number) => {
        const index = pieceCount(size) - 1;
        if (!(await files.keep(id, index, piece.subarray(0, length + SUM))))
          throw new NoRangeError(`${reason.message}; it was not kept here either: ${files.notKept}`);
      };
      const sink: Sink = {
        begin: async (version, bytes) => {
          [id, size, total] = [await pieceId(file, "streamed", version), 0, bytes];
          const fact = await this.#fact(file);
          if (version !== undefined && isWhole(fact) && fact.id === id && (await files.hasPieces(fact))) {
            kept = fact;
            return false;
          }
          await files.note(file, { id });
          return true;
        },
        push: async (bytes) => {
          for (let at = 0; at < bytes.length; ) {
            const part = bytes.subarray(at, at + PIECE - (size % PIECE));
            piece.set(part, size % PIECE);
            size += part.length;
            at += part.length;
            this.traffic.fetched += part.length;
            if (size % PIECE === 0) await keep(PIECE);
          }
          onProgress?.(size, total);
        },
      };
      await remote.stream!(file, sink, signal);
      if (kept) return kept;
      if (size % PIECE) await keep(size % PIECE);
      const fact = { id, size };
      await files.note(file, fact);
      return fact;
    };
    return files.lock(file, work, signal);
  }
}

/** A piece that was damaged, of a file that cannot be had in parts, comes with the next load. */
const mendable = (error: unknown, name: string): unknown =>
  error instanceof NoRangeError
    ? new SourceError(
        `cache: expected the kept pieces of ${name} to be whole, got a gap; load the model again`,
      )
    : error;

const factOf = async (file: string, { size, version }: ByteSource): Promise<WholeFact> => ({
  id: await pieceId(file, size, version),
  size,
});
