import { type KeptFiles, PIECE, SUM, type WholeFact } from "./kept-files.ts";
import { type ByteSource, type ReadOptions, readTarget, SourceError } from "./source.ts";

/** What passes through a cache, in bytes. */
export interface Traffic {
  /** Came over the network. */
  fetched: number;
  /** Were kept from before. */
  kept: number;
}

/** Does `work` when fewer than a number of others are at it. */
export type Limiter = <T>(work: () => Promise<T>) => Promise<T>;

export function limiter(most: number): Limiter {
  let free = most;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}

/** A file read from its kept pieces; one that is not there is fetched whole and kept. Where keeping is off, only what is asked for is fetched. */
export class CachedSource implements ByteSource {
  readonly size: number;
  readonly #id: string;
  readonly #closed = new AbortController();
  /** Pieces that were whole and sound when first read. */
  readonly #checked = new Set<number>();
  readonly #coming = new Map<number, Promise<Uint8Array<ArrayBuffer> | undefined>>();

  /** @param remote the same file where it is published */
  constructor(
    readonly name: string,
    fact: WholeFact,
    private readonly kept: KeptFiles,
    private readonly remote: () => Promise<ByteSource>,
    private readonly limit: Limiter,
    private readonly traffic: Traffic,
  ) {
    this.size = fact.size;
    this.#id = fact.id;
  }

  async read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
    const target = readTarget(this, offset, length, options);
    for (let at = 0; at < length; ) {
      const [index, begin] = [Math.floor((offset + at) / PIECE), (offset + at) % PIECE];
      const into = target.subarray(at, at + Math.min(length - at, PIECE - begin));
      await this.#fill(index, begin, into, options?.signal);
      at += into.length;
    }
    return target;
  }

  async #fill(
    index: number,
    begin: number,
    into: Uint8Array<ArrayBuffer>,
    signal?: AbortSignal,
  ): Promise<void> {
    if (this.#checked.has(index)) {
      if (await this.kept.part(this.#id, index, begin, into)) return;
      this.#checked.delete(index);
    }
    signal?.throwIfAborted();
    const piece = await orAborted(this.#piece(index), signal);
    if (piece) into.set(piece.subarray(begin, begin + into.length));
    else {
      const remote = await this.remote();
      await remote.read(index * PIECE + begin, into.length, { into, signal });
      this.traffic.fetched += into.length;
    }
  }

  /** Asked for twice, a piece comes once. */
  #piece(index: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const coming = this.#coming.get(index) ?? this.limit(() => this.#keptOrFetched(index));
    this.#coming.set(index, coming);
    return coming.finally(() => this.#coming.delete(index));
  }

  #keptOrFetched(index: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { signal } = this.#closed;
    const length = Math.min(PIECE, this.size - index * PIECE);
    return this.kept.lock(
      `${this.#id}.${index}`,
      async () => {
        const kept = await this.kept.piece(this.#id, index, length);
        if (kept) {
          this.traffic.kept += length;
          this.#checked.add(index);
          return kept;
        }
        if (this.kept.notKept !== undefined) return undefined;
        const bytes = new Uint8Array(length + SUM);
        const piece = bytes.subarray(0, length);
        await (await this.remote()).read(index * PIECE, length, { into: piece, signal });
        this.traffic.fetched += length;
        if (await this.kept.keep(this.#id, index, bytes)) this.#checked.add(index);
        return piece;
      },
      signal,
    );
  }

  async close(): Promise<void> {
    this.#closed.abort(new SourceError(`read: expected ${this.name} to be open, got it closed`));
  }
}

/** What `work` gives, or the signal's reason as soon as it aborts; the work goes on. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
