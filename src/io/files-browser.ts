/** Files in a browser: a page reaches files by URL, and what the user hands over as bytes. */
import { httpFolder } from "./http.ts";
import { type ByteSource, type Folder, SourceError } from "./source.ts";
import type { Store } from "./store.ts";

export { crc32 } from "./crc32.ts";

/** The folder at an http(s) URL; relative addresses count from the page. */
export function openFolder(location: string): Folder {
  const url = URL.canParse(location, globalThis.location?.href)
    ? new URL(location, globalThis.location?.href)
    : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:")
    throw new SourceError(
      `folder: expected an http(s) URL in a browser, got '${location}'; serve the folder and pass its URL`,
    );
  return httpFolder(url.href);
}

export async function fileSource(path: string): Promise<ByteSource> {
  throw new SourceError(
    `read: expected no file path in a browser, got '${path}'; use httpSource(url) or memorySource(name, bytes)`,
  );
}

export async function readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  throw new SourceError(
    `read: expected no file path in a browser, got '${path}'; fetch it, or take the bytes of a File`,
  );
}

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

export function openStore(path: string): Store {
  throw new SourceError(`store: expected no file path in a browser, got '${path}'; use memoryStore(name)`);
}
