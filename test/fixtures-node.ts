/** Files of this repository for the tests, in Node; every path counts from its root. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { serve, withServer } from "./io/server.ts";

/** Where a file or a folder is, as `openFolder` takes it. */
export const locate = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** A file's bytes. */
export const readBytes = (path: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(locate(path)));

/** A file's text. */
export const readText = (path: string): string => readFileSync(locate(path), "utf8");

/** Whether there is a file. */
export const exists = (path: string): boolean =>
  statSync(locate(path), { throwIfNoEntry: false })?.isFile() ?? false;

/** The files below a folder, by their paths within it. */
export const listFiles = (folder: string): string[] =>
  readdirSync(locate(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      `${entry.parentPath}/${entry.name}`.replaceAll("\\", "/").slice(locate(folder).length + 1),
    )
    .sort();

/** Gives `use` the URL of a folder on a web server. */
export const serving = (folder: string, use: (url: string) => Promise<unknown>): Promise<void> =>
  withServer(
    serve(Object.fromEntries(listFiles(folder).map((file) => [file, readBytes(`${folder}/${file}`)]))),
    use,
  );
