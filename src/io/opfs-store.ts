/** A store in the browser's private file system of the page's origin (OPFS). */
import { blobSource } from "./blob.ts";
import { SourceError } from "./source.ts";
import { checkStorePath, type Store } from "./store.ts";
import { withLock } from "./web-lock.ts";

/** Browsers have `move`; the standard does not yet. */
interface MovableFile extends FileSystemFileHandle {
  move(folder: FileSystemDirectoryHandle, name: string): Promise<void>;
}

/**
 * The store in the folder `name` of the origin private file system, made when something is first written. What is written is
 * whole or not there. Browsers bound what a page may keep: beyond it, SourceError says so.
 * @param name a path such as "models" or "runs/asr"
 */
export function opfsStore(name: string): Store {
  const root = name.split("/").filter((part) => part !== "" && part !== ".");
  checkStorePath(root[0] ?? ""); // names that begin with a dot, and none
  const split = (path: string) => {
    const parts = checkStorePath(path).split("/");
    return { folder: [...root, ...parts.slice(0, -1)], file: parts.at(-1)! };
  };
  const lookUp = async (path: string): Promise<File | undefined> => {
    const { folder, file } = split(path);
    return orNone(async () => (await (await directory(folder)).getFileHandle(file)).getFile());
  };
  const make = async (path: string): Promise<readonly [FileSystemDirectoryHandle, string]> => {
    const { folder, file } = split(path);
    return [await directory(folder, true), file];
  };
  const at = (path: string) => `${name}/${path}`;
  /** One after the other, also in other tabs: browsers refuse to write a file that is being written. */
  const writing = (path: string, act: () => Promise<void>) =>
    named("write", at(path), () => withLock(`store ${at(path)}`, act));
  return {
    name,
    read: (path) =>
      named("read", at(path), async () => {
        const file = await lookUp(path);
        return file && new Uint8Array(await file.arrayBuffer());
      }),
    open: (path) =>
      named("read", at(path), async () => {
        const file = await lookUp(path);
        return file && blobSource(at(path), file);
      }),
    write: (path, bytes) =>
      writing(path, async () => writeWhole(...(await make(path)), new Uint8Array(bytes))),
    append: (path, bytes) =>
      writing(path, async () => {
        const old = await lookUp(path);
        const all = new Blob([...(old ? [old] : []), new Uint8Array(bytes)]);
        await writeWhole(...(await make(path)), all);
      }),
    rename: (from, to) =>
      writing(from, async () => {
        const { folder, file } = split(from);
        split(to);
        const handle = await orNone(async () => (await directory(folder)).getFileHandle(file));
        if (!handle) throw new SourceError(`write: expected to write '${at(from)}', got nothing there`);
        await (handle as MovableFile).move(...(await make(to)));
      }),
    list: () =>
      named("read", name, async () => {
        const top = await orNone(() => directory(root));
        return top ? (await paths(top, "", true)).sort() : [];
      }),
    remove: (path) =>
      writing(path, async () => {
        const { folder, file } = split(path);
        await orNone(async () => (await directory(folder)).removeEntry(file));
      }),
  };
}

async function directory(path: readonly string[], create = false): Promise<FileSystemDirectoryHandle> {
  if (!globalThis.navigator?.storage?.getDirectory)
    throw new DOMException(
      "no private file system; serve the page over https or from localhost",
      "NotSupportedError",
    );
  let folder = await navigator.storage.getDirectory();
  for (const part of path) folder = await folder.getDirectoryHandle(part, { create });
  return folder;
}

/** The paths of the files in a folder and, at `deep`, in the folders within. */
async function paths(folder: FileSystemDirectoryHandle, prefix: string, deep: boolean): Promise<string[]> {
  const found: string[] = [];
  for await (const [name, handle] of folder.entries()) {
    if (name.startsWith(".")) continue;
    if (handle.kind === "file") found.push(prefix + name);
    else if (deep) found.push(...(await paths(handle as FileSystemDirectoryHandle, `${name}/`, false)));
  }
  return found;
}

/**
 * The browser writes into a file of its own, which takes the place of the old content when it is closed. A file that is
 * new must not be there before, not even empty: it gets its name last.
 */
async function writeWhole(
  folder: FileSystemDirectoryHandle,
  name: string,
  content: Blob | Uint8Array<ArrayBuffer>,
): Promise<void> {
  const old = await orNone(() => folder.getFileHandle(name));
  const handle = old ?? (await folder.getFileHandle(`.${name}.new`, { create: true }));
  try {
    const file = await handle.createWritable();
    await file.write(content).catch(async (error) => {
      await file.abort().catch(() => {});
      throw error;
    });
    await file.close();
    if (!old) await (handle as MovableFile).move(folder, name);
  } catch (error) {
    if (!old) await folder.removeEntry(handle.name).catch(() => {});
    throw error;
  }
}

async function orNone<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if ((error as DOMException).name === "NotFoundError") return undefined;
    throw error;
  }
}

const REASONS: Record<string, string> = {
  QuotaExceededError:
    "no room: the browser keeps no more for this site; delete what is kept here, or free some of the disk",
  SecurityError:
    "a browser that keeps nothing for this site; allow it to keep site data, and leave the private window",
  NotAllowedError:
    "a browser that keeps nothing for this site; allow it to keep site data, and leave the private window",
  NoModificationAllowedError: "a file that another tab is writing; close the other tab",
  TypeMismatchError: "a file where a folder should be, or the reverse; choose another name",
};

async function named<T>(verb: "read" | "write", path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof SourceError) throw error;
    const { name, message } = error as DOMException;
    throw new SourceError(`${verb}: expected to ${verb} '${path}', got ${REASONS[name] ?? message}`, {
      cause: error,
    });
  }
}
