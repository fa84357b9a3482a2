import { checkFile, type Folder } from "./source.ts";

/** A folder within a folder; "" and "." are the folder itself. */
export function subfolder(folder: Folder, path: string): Folder {
  const inner = path.split("/").filter((part) => part !== "" && part !== ".");
  const at = (file: string) => checkFile([...inner, file].join("/"));
  return {
    name: [folder.name, ...inner].join("/"),
    has: (file) => folder.has(at(file)),
    open: (file) => folder.open(at(file)),
    text: (file) => folder.text(at(file)),
  };
}

/** A path's folder, with the slash that ends it, and its file; the folder is "" for a bare name. */
export function splitPath(path: string): [folder: string, file: string] {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1;
  return [path.slice(0, at), path.slice(at)];
}
