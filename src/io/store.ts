import { type ByteSource, checkFile, memorySource, SourceError } from "./source.ts";

/**
 * A folder to write to: a run's checkpoints and logs, a cache. Paths are relative to it, of one file or one folder and
 * a file, such as "checkpoints/100.safetensors"; folders are made on demand. Throws SourceError with the reason.
 */
export interface Store {
  /** Path, for messages. */
  readonly name: string;
  /** A whole file, or undefined when there is none. */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** A file to read in pieces, or undefined when there is none. */
  open(path: string): Promise<ByteSource | undefined>;
  /** Writes a whole file: at every moment it holds either the old content or the new. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Adds to the end of a file, new or old. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Gives a file another name once all of it is on the disk: how a file too large for `write` is whole or not there. */
  rename(from: string, to: string): Promise<void>;
  /** The paths of all files, sorted. */
  list(): Promise<string[]>;
  /** Deletes a file; nothing happens when there is none. */
  remove(path: string): Promise<void>;
}

/** `path`, when it names a file of a store; names that begin with a dot are the store's own (files half written). */
export function checkStorePath(path: string): string {
  const parts = checkFile(path).split("/");
  if (parts.length > 2 || parts.some((part) => part.startsWith(".")))
    throw new SourceError(
      `store: expected 'file' or 'folder/file', no name beginning with a dot, got '${path}'; choose another name`,
    );
  return path;
}

/** A store that is gone with the process. */
export function memoryStore(name = "memory"): Store {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    name,
    read: async (path) => files.get(checkStorePath(path))?.slice(),
    async open(path) {
      const bytes = files.get(checkStorePath(path));
      return bytes && memorySource(`${name}/${path}`, bytes);
    },
    async write(path, bytes) {
      files.set(checkStorePath(path), new Uint8Array(bytes));
    },
    async append(path, bytes) {
      const old = files.get(checkStorePath(path)) ?? new Uint8Array();
      const all = new Uint8Array(old.length + bytes.length);
      all.set(old);
      all.set(bytes, old.length);
      files.set(path, all);
    },
    async rename(from, to) {
      const bytes = files.get(checkStorePath(from));
      const target = checkStorePath(to);
      if (!bytes) throw new SourceError(`write: expected to write '${name}/${from}', got nothing there`);
      files.set(target, bytes);
      files.delete(from);
    },
    list: async () => [...files.keys()].sort(),
    async remove(path) {
      files.delete(checkStorePath(path));
    },
  };
}
