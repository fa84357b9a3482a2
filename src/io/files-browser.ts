/** Files in a browser: a page reaches files by URL, and what the user hands over as bytes. */
import { httpFile, httpFolder } from "./http.ts";
import { opfsStore } from "./opfs-store.ts";
import { type ByteSource, type Folder, SourceError } from "./source.ts";

export { crc32 } from "./crc32.ts";
export { withLock } from "./web-lock.ts";
/** The store in the folder `path` of the browser's private file system. */
export { opfsStore as openStore };

/** The folder at an http(s) URL; relative addresses count from the page. */
export const openFolder = (location: string): Folder => httpFolder(pageUrl("folder", location));

function pageUrl(what: string, location: string): string {
  const base = globalThis.location?.href;
  const url = URL.canParse(location, base) ? new URL(location, base) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url.href;
  throw new SourceError(
    `${what}: expected an http(s) URL in a browser, got '${location}'; serve it and pass its URL, or let the user pick it`,
  );
}

export async function fileSource(path: string): Promise<ByteSource> {
  throw new SourceError(
    `read: expected no file path in a browser, got '${path}'; use httpSource(url) or memorySource(name, bytes)`,
  );
}

/** A whole file at an http(s) URL; relative addresses count from the page. */
export const readFile = async (location: string): Promise<Uint8Array<ArrayBuffer>> =>
  httpFile(pageUrl("read", location));

export async function writeFileAtomic(path: string, _bytes: Uint8Array): Promise<void> {
  throw new SourceError(
    `write: expected no file path in a browser, got '${path}'; offer the bytes as a download`,
  );
}

export async function appendFile(path: string, _bytes: Uint8Array): Promise<void> {
  throw new SourceError(
    `write: expected no file path in a browser, got '${path}'; gather the bytes and offer them as a download`,
  );
}
