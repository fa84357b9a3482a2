/** Files in Node: a folder is a directory or a URL. */
import { randomUUID } from "node:crypto";
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile as readWhole,
  rename,
  rm,
  stat,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { crc32 as zlibCrc32 } from "node:zlib";
import { httpFile, httpFolder } from "./http.ts";
import {
  type ByteSource,
  checkFile,
  checkTextSize,
  decodeText,
  type Folder,
  readTarget,
  SourceError,
} from "./source.ts";
import { checkStorePath, type Store } from "./store.ts";

/** The check sum of crc32.ts, at 6 GB/s where that makes 2. */
export const crc32 = (bytes: Uint8Array, before = 0): number => zlibCrc32(bytes, before);

const last = new Map<string, Promise<unknown>>();

/** Does `work` when nobody else in this process does work of that name. */
export async function withLock<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const before = last.get(name);
  const mine = (async () => {
    await before?.catch(() => {});
    signal?.throwIfAborted();
    return work();
  })();
  last.set(name, mine);
  try {
    return await mine;
  } finally {
    if (last.get(name) === mine) last.delete(name);
  }
}

/** The folder at `location`: an http(s) URL, or the path of a directory (looked at when it is first used). */
export function openFolder(location: string): Folder {
  return isUrl(location) ? httpFolder(location) : directory(location);
}

const isUrl = (location: string): boolean => /^https?:\/\//.test(location);

function directory(path: string): Folder {
  const at = (file: string) => join(path, checkFile(file));
  return {
    name: path,
    async has(file) {
      const found = await stat(at(file)).catch(() => undefined);
      if (found) return found.isFile();
      if (!(await stat(path).catch(() => undefined))?.isDirectory())
        throw new SourceError(`folder: expected a directory or an http(s) URL, got '${path}'`);
      return false;
    },
    open: (file) => fileSource(at(file)),
    async text(file) {
      checkTextSize(at(file), await fileSize(at(file)));
      return decodeText(at(file), await readFile(at(file)));
    },
  };
}

/** The file at `path`, held open until it is closed. */
export async function fileSource(path: string): Promise<ByteSource> {
  const source = { name: path, size: await fileSize(path) };
  const file = await open(path).catch((error) => fail("read", path, error));
  return {
    ...source,
    async read(offset, length, options) {
      const target = readTarget(source, offset, length, options);
      for (let got = 0; got < length; ) {
        const part = await file
          .read(target, got, length - got, offset + got)
          .catch((error) => fail("read", path, error));
        if (part.bytesRead === 0)
          throw new SourceError(
            `read: expected ${length} bytes of ${path} at ${offset}, got ${got}: it was cut short`,
          );
        got += part.bytesRead;
      }
      return target;
    },
    close: () => file.close(),
  };
}

/** A whole file, by its path or an http(s) URL, for what is small (masks) or decoded at once (audio). */
export async function readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (isUrl(path)) return httpFile(path);
  await fileSize(path);
  const bytes = await readWhole(path).catch((error) => fail("read", path, error));
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Writes a file so that at every moment `path` holds either the old content or the new: into a temporary file
 * beside it, flushed to the disk, then renamed. On failure the old file is untouched and the temporary one is gone.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, "wx");
    await file.writeFile(bytes);
    await file.sync();
    await file.close();
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await file?.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    fail("write", path, error);
  }
}

/** Renames a file once all of it is on the disk. */
async function renameFlushed(from: string, to: string): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(from, "r+");
    await file.sync();
    await rename(from, to);
    await syncFolder(dirname(to));
  } catch (error) {
    fail("write", from, error);
  } finally {
    await file?.close();
  }
}

/** Flushes a folder, so that a renamed file is still there after a power cut; some systems cannot, and need not fail. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path).catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

/** Adds to the end of a file, which is made when there is none; on failure what was added is taken back. */
export async function appendFile(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "a").catch((error) => fail("write", path, error));
  try {
    const { size } = await file.stat();
    await file.writeFile(bytes).catch(async (error) => {
      await file.truncate(size).catch(() => {});
      fail("write", path, error);
    });
  } finally {
    await file.close();
  }
}

/** The store in the directory at `path`, which is made when something is first written. */
export function openStore(path: string): Store {
  const at = (file: string) => join(path, checkStorePath(file));
  const make = async (file: string) => {
    await mkdir(dirname(at(file)), { recursive: true }).catch((error) => fail("write", at(file), error));
    return at(file);
  };
  const exists = async (file: string) =>
    (await stat(at(file)).catch((error) =>
      isMissing(error) ? undefined : fail("read", at(file), error),
    )) !== undefined;
  return {
    name: path,
    read: async (file) => ((await exists(file)) ? readFile(at(file)) : undefined),
    open: async (file) => ((await exists(file)) ? fileSource(at(file)) : undefined),
    write: async (file, bytes) => writeFileAtomic(await make(file), bytes),
    append: async (file, bytes) => appendFile(await make(file), bytes),
    rename: async (from, to) => renameFlushed(at(from), await make(to)),
    async list() {
      const files: string[] = [];
      for (const { name, folder } of await entries(path)) {
        if (folder) {
          const inner = await entries(join(path, name));
          files.push(...inner.filter((entry) => !entry.folder).map((entry) => `${name}/${entry.name}`));
        } else files.push(name);
      }
      return files.sort();
    },
    remove: (file) => rm(at(file), { force: true }).catch((error) => fail("write", at(file), error)),
  };
}

/** What lies in a directory, but for what begins with a dot; nothing when there is none. */
async function entries(path: string): Promise<{ readonly name: string; readonly folder: boolean }[]> {
  const found = await readdir(path, { withFileTypes: true }).catch((error) =>
    isMissing(error) ? [] : fail("read", path, error),
  );
  return found
    .filter((entry) => !entry.name.startsWith("."))
    .map((entry) => ({ name: entry.name, folder: entry.isDirectory() }));
}

const isMissing = (error: NodeJS.ErrnoException) => error.code === "ENOENT";

/** Bytes in the regular file at `path`; a directory, a device or a pipe is refused, since it may never end. */
async function fileSize(path: string): Promise<number> {
  const found = await stat(path).catch((error) => fail("read", path, error));
  if (!found.isFile())
    throw new SourceError(`read: expected a file, got ${found.isDirectory() ? "directory " : ""}'${path}'`);
  return found.size;
}

const REASONS: Record<string, string> = {
  ENOENT: "nothing there",
  EACCES: "no permission; change the permissions, or choose another path",
  EPERM: "no permission; change the permissions, or choose another path",
  EROFS: "a read-only file system; choose another path",
  ENOTDIR: "a file where a folder should be; choose another path",
  EEXIST: "a file where a folder should be; choose another path",
  ENOSPC: "a full disk; free some space",
  EDQUOT: "a full quota; free some space",
  EFBIG: "a file larger than this file system or process may write",
};

function fail(verb: "read" | "write", path: string, error: unknown): never {
  const { code = "", message = String(error) } = error as NodeJS.ErrnoException;
  throw new SourceError(`${verb}: expected to ${verb} '${path}', got ${REASONS[code] ?? message}`, {
    cause: error,
  });
}
