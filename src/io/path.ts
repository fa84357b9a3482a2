import { checkFile, type Folder, type OpenOptions } from "./source.ts";

/** A folder within a folder; "" and "." are the folder itself. */
export function subfolder(folder: Folder, path: string): Folder {
  const inner = path.split("/").filter((part) => part !== "" && part !== ".");
  const at = (file: string) => checkFile([...inner, file].join("/"));
  return {
    name: [folder.name, ...inner].join("/"),
    has: (file, options) => folder.has(at(file), options),
    open: (file, options) => folder.open(at(file), options),
    text: (file, options) => folder.text(at(file), options),
  };
}

/** A folder whose files are asked for, and read, with these options. */
export function folderWith(folder: Folder, options: OpenOptions): Folder {
  return {
    name: folder.name,
    has: (file) => folder.has(file, options),
    text: (file) => folder.text(file, options),
    async open(file) {
      const source = await folder.open(file, options);
      const { name, size, version } = source;
      return {
        ...{ name, size, ...(version !== undefined && { version }) },
        read: (offset, length, read) =>
          source.read(offset, length, { ...read, signal: read?.signal ?? options.signal }),
        close: () => source.close(),
      };
    },
  };
}

/** A path's folder, with the slash that ends it, and its file; the folder is "" for a bare name. */
export function splitPath(path: string): [folder: string, file: string] {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1;
  return [path.slice(0, at), path.slice(at)];
}
