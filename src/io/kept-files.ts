/**
 * What a model cache keeps of one model, in one folder of its store: model.json, and the files in pieces, each written whole
 * with its check sum behind it. A piece's name says of which version of which file it is, so that versions never mix.
 */
import { crc32, withLock } from "#files";
import { sha256 } from "./hash.ts";
import { SourceError } from "./source.ts";
import type { Store } from "./store.ts";

/** Bytes of a piece; a file's last one may be shorter. */
export const PIECE = 16 * 1024 * 1024;

/** Bytes of the CRC-32 behind a piece. */
export const SUM = 4;

/** What is known of a file: that it is not there, that it is, or which pieces make it up. */
export type Fact = boolean | { readonly id: string /** Not known while it comes. */; readonly size?: number };

export type WholeFact = { readonly id: string; readonly size: number };

export interface Manifest {
  readonly url: string;
  /** All that the model takes has been read once. */
  readonly complete: boolean;
  readonly files: Readonly<Record<string, Fact>>;
}

export const MANIFEST = "model.json";

export const isWhole = (fact: Fact | undefined): fact is WholeFact =>
  typeof fact === "object" && fact.size !== undefined;

/** Names the pieces of one version of a file. */
export const pieceId = async (...parts: readonly (string | number | undefined)[]): Promise<string> =>
  (await sha256(new TextEncoder().encode(JSON.stringify(parts)))).slice(0, 16);

export const folderOf = pieceId;

export const pieceCount = (size: number): number => Math.ceil(size / PIECE);

export function parseManifest(bytes: Uint8Array | undefined): Manifest | undefined {
  try {
    return bytes && JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined; // damaged: everything is asked for again
  }
}

/** Whatever goes wrong in the store turns keeping off, for a model can be read without; `notKept` says why. */
export class KeptFiles {
  /** Why nothing more is kept. */
  notKept: string | undefined;
  #manifest: Promise<Manifest> | undefined;

  constructor(
    readonly store: Store,
    readonly url: string,
    /** In the store. */
    readonly folder: string,
  ) {}

  manifest(): Promise<Manifest> {
    this.#manifest ??= this.#read();
    return this.#manifest;
  }

  async #read(): Promise<Manifest> {
    const bytes = await this.#attempt(() => this.store.read(`${this.folder}/${MANIFEST}`));
    return parseManifest(bytes) ?? { url: this.url, complete: false, files: {} };
  }

  /** Changes the manifest as it is now, whoever wrote it. */
  async update(change: (manifest: Manifest) => Manifest): Promise<void> {
    await this.lock(MANIFEST, async () => {
      const before = this.notKept === undefined ? await this.#read() : await this.manifest();
      const after = change(before);
      this.#manifest = Promise.resolve(after);
      if (JSON.stringify(after) === JSON.stringify(before)) return;
      const bytes = new TextEncoder().encode(JSON.stringify(after));
      await this.#attempt(() => this.store.write(`${this.folder}/${MANIFEST}`, bytes), true);
    });
  }

  /** Notes what is known of a file; pieces of another version of it go. */
  async note(file: string, fact: Fact): Promise<void> {
    const old = (await this.manifest()).files[file];
    if (JSON.stringify(old) === JSON.stringify(fact)) return;
    await this.update((manifest) => ({ ...manifest, files: { ...manifest.files, [file]: fact } }));
    if (typeof old !== "object" || (typeof fact === "object" && fact.id === old.id)) return;
    await this.#attempt(async () => {
      const paths = (await this.store.list()).filter((path) => path.startsWith(this.#path(old.id, "")));
      for (const path of paths) await this.store.remove(path);
    });
  }

  /** A piece of `length` bytes, checked; undefined when it is not there, or was damaged and is removed. */
  async piece(id: string, index: number, length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = this.#path(id, index);
    const bytes = await this.#attempt(() => this.store.read(path));
    if (!bytes) return undefined;
    const piece = bytes.subarray(0, length);
    if (bytes.length === length + SUM && crc32(piece) === sumOf(bytes)) return piece;
    await this.#attempt(() => this.store.remove(path), true);
    return undefined;
  }

  /** Fills `into` from a piece that was checked before; false when it is gone. */
  async part(id: string, index: number, offset: number, into: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const done = await this.#attempt(async () => {
      const source = await this.store.open(this.#path(id, index));
      if (!source) return false;
      try {
        await source.read(offset, into.length, { into });
      } finally {
        await source.close();
      }
      return true;
    });
    return done ?? false;
  }

  /** Whether all pieces of a file are there: sound, or not yet read. */
  async hasPieces({ id, size }: WholeFact): Promise<boolean> {
    const names = new Set(await this.#attempt(() => this.store.list()));
    return Array.from({ length: pieceCount(size) }, (_, i) => this.#path(id, i)).every((path) =>
      names.has(path),
    );
  }

  /** Keeps a piece. @param bytes the piece, and behind it room for its sum @returns whether it was kept */
  async keep(id: string, index: number, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(
      bytes.length - SUM,
      crc32(bytes.subarray(0, -SUM)),
    );
    return (
      (await this.#attempt(async () => {
        await this.store.write(this.#path(id, index), bytes);
        return true;
      }, true)) ?? false
    );
  }

  /** Does `work` while nobody else, here or in another tab, does work of that name on this model. */
  lock<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return withLock(`ahamask ${this.store.name}/${this.folder}/${name}`, work, signal);
  }

  #path(id: string, index: number | string): string {
    return `${this.folder}/${id}.${index}`;
  }

  async #attempt<T>(act: () => Promise<T>, writes = false): Promise<T | undefined> {
    if (writes && this.notKept !== undefined) return undefined;
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.notKept ??= error.message;
      return undefined;
    }
  }
}

const sumOf = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - SUM);
