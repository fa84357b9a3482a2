/**
 * Where bytes come from. Everything that reads a checkpoint goes through these two interfaces, so that a folder
 * on disk, a folder on the web and a folder in memory are the same thing to the code above.
 */

/** The most bytes one `read` gives: it bounds what loading keeps in memory. */
export const MAX_SLICE = 16 * 1024 * 1024;

/** The most bytes of a text file (config.json, tokenizer.json, an index) that are read whole. */
export const MAX_TEXT = 64 * 1024 * 1024;

/** Bytes could not be found, read or written. */
export class SourceError extends Error {
  override name = "SourceError";
}

/** There was no answer, and another try may get one: no connection, silence, an overloaded server. */
export class UnreachableError extends SourceError {}

/** The server gives whole files only. */
export class NoRangeError extends SourceError {}

export interface ReadOptions {
  /** Filled from its start and returned as a view, so that a long load reuses its buffers; at least `length` bytes. */
  into?: Uint8Array<ArrayBuffer>;
  signal?: AbortSignal;
}

/** A file of known size, read in pieces. */
export interface ByteSource {
  /** Path or URL, for messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Tells this content from another of the same name and size, where there is something that does. */
  readonly version?: string;
  /** Exactly `length` bytes from `offset` on; at most MAX_SLICE. Throws SourceError. */
  read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

export interface OpenOptions {
  signal?: AbortSignal;
  /** Bytes so far, where opening a file means to fetch all of it; `total` is 0 where nobody knows. */
  onProgress?: (loaded: number, total: number) => void;
}

/** A folder of files, named by paths relative to it. */
export interface Folder {
  readonly name: string;
  has(file: string, options?: OpenOptions): Promise<boolean>;
  open(file: string, options?: OpenOptions): Promise<ByteSource>;
  /** A whole UTF-8 file of at most MAX_TEXT bytes. */
  text(file: string, options?: OpenOptions): Promise<string>;
  /** A file from its start to its end, where a server has no parts to give (`open` throws NoRangeError). */
  stream?(file: string, sink: Sink, signal?: AbortSignal): Promise<void>;
}

/** Takes a file as it comes. */
export interface Sink {
  /**
   * Called before the first bytes, and again when the file has to begin anew; false when the bytes are not wanted.
   * @param size bytes, 0 where nobody knows
   */
  begin(version: string | undefined, size: number): Promise<boolean>;
  push(bytes: Uint8Array): Promise<void>;
}

/** The view that a read of `length` bytes at `offset` fills; throws before anything is read when the range is wrong. */
export function readTarget(
  source: { name: string; size: number },
  offset: number,
  length: number,
  options?: ReadOptions,
): Uint8Array<ArrayBuffer> {
  options?.signal?.throwIfAborted();
  const { name, size } = source;
  const legal = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!legal || length > MAX_SLICE)
    throw new SourceError(`read: expected at most ${MAX_SLICE} bytes of ${name}, got ${length} at ${offset}`);
  if (offset + length > size)
    throw new SourceError(
      `read: expected bytes within the ${size} of ${name}, got ${offset} to ${offset + length}`,
    );
  return options?.into?.subarray(0, length) ?? new Uint8Array(length);
}

/** `file`, when it stays inside its folder: an index file must not be able to name /etc/passwd or ../secret. */
export function checkFile(file: string): string {
  const parts = file.split("/");
  if (
    file === "" ||
    file.includes("\\") ||
    file.includes(":") ||
    parts.some((p) => p === "" || p === ".." || p === ".")
  )
    throw new SourceError(`folder: expected a file name relative to the folder, got '${file}'`);
  return file;
}

/** Bytes as UTF-8 text (a byte order mark is dropped). */
export function decodeText(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SourceError(`text: expected UTF-8 in ${name}, got other bytes`);
  }
}

export function checkTextSize(name: string, size: number): void {
  if (size > MAX_TEXT)
    throw new SourceError(
      `text: expected at most ${MAX_TEXT} bytes in ${name}, got ${size}; is this the right file?`,
    );
}

export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  const source = { name, size: bytes.length };
  return {
    ...source,
    async read(offset, length, options) {
      const target = readTarget(source, offset, length, options);
      target.set(bytes.subarray(offset, offset + length));
      return target;
    },
    async close() {},
  };
}

/** Bytes `begin` to `begin + size` of a source, which closing it leaves open. */
export function partSource(whole: ByteSource, begin: number, size: number): ByteSource {
  const source = { name: whole.name, size };
  return {
    ...source,
    async read(offset, length, options) {
      const into = readTarget(source, offset, length, options);
      return whole.read(begin + offset, length, { into, signal: options?.signal });
    },
    async close() {},
  };
}

export function memoryFolder(name: string, files: Record<string, Uint8Array>): Folder {
  const find = (file: string): Uint8Array => {
    const bytes = Object.hasOwn(files, checkFile(file)) ? files[file] : undefined;
    if (!bytes) throw new SourceError(`folder: expected file '${file}' in ${name}, got none`);
    return bytes;
  };
  return {
    name,
    has: async (file) => Object.hasOwn(files, checkFile(file)),
    open: async (file) => memorySource(`${name}/${file}`, find(file)),
    async text(file) {
      const bytes = find(file);
      checkTextSize(`${name}/${file}`, bytes.length);
      return decodeText(`${name}/${file}`, bytes);
    },
  };
}
