/** Files that a page holds as `File`s: what a user picked or dropped, and what the browser keeps. */
import {
  type ByteSource,
  checkFile,
  checkTextSize,
  decodeText,
  type Folder,
  readTarget,
  SourceError,
} from "./source.ts";

/** The bytes of a blob, read in slices as they are asked for. */
export function blobSource(name: string, blob: Blob): ByteSource {
  const source = { name, size: blob.size };
  return {
    ...source,
    async read(offset, length, options) {
      const target = readTarget(source, offset, length, options);
      const bytes = await blob
        .slice(offset, offset + length)
        .arrayBuffer()
        .catch((error) => unreadable(name, error));
      options?.signal?.throwIfAborted();
      target.set(new Uint8Array(bytes));
      return target;
    },
    async close() {},
  };
}

/** A browser stops reading a file that was changed since the page got hold of it. */
function unreadable(name: string, cause: unknown): never {
  throw new SourceError(
    `read: expected to read '${name}', got ${cause instanceof Error ? cause.message : cause}; ` +
      "was it moved or changed? pick it again",
    { cause },
  );
}

/** A file, and its path with slashes: a `File` knows its own only where it was picked with its folder, and forgets it on the way to a worker. */
export type PickedFile = readonly [path: string, file: File];

/**
 * A folder of files that a user picked (`<input type="file" webkitdirectory>`: their paths are `webkitRelativePath`) or
 * dropped (`fullPath` of their entries). The folder that all of them lie in is not part of their names.
 * @param name for messages
 */
export function pickedFolder(name: string, files: readonly PickedFile[]): Folder {
  const paths = files.map(([path]) => path.split("/"));
  const top = paths[0]?.[0];
  const shared = paths.every((parts) => parts.length > 1 && parts[0] === top);
  const found = new Map(files.map(([, file], i) => [paths[i]!.slice(shared ? 1 : 0).join("/"), file]));
  const find = (path: string): File => {
    const file = found.get(checkFile(path));
    if (!file)
      throw new SourceError(
        `folder: expected file '${path}' among the ${files.length} of ${name}, got none; pick the folder that it lies in`,
      );
    return file;
  };
  const folder: Folder = {
    name,
    has: async (path) => found.has(checkFile(path)),
    open: async (path) => blobSource(`${name}/${path}`, find(path)),
    async text(path) {
      const { size } = find(path);
      checkTextSize(`${name}/${path}`, size);
      const bytes = await find(path)
        .arrayBuffer()
        .catch((error) => unreadable(`${name}/${path}`, error));
      return decodeText(`${name}/${path}`, new Uint8Array(bytes));
    },
  };
  return folder;
}
