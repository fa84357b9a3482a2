import { open } from "node:fs/promises";
import { type Entry, zip } from "./torch-files.ts";

/** Writes a ZIP file to the disk, where holes take no room. */
export async function zipFile(path: string, entries: readonly Entry[]): Promise<void> {
  const { size, pieces } = zip(entries);
  const file = await open(path, "w");
  await file.truncate(size);
  for (const { at, bytes } of pieces) await file.write(bytes, 0, bytes.length, at);
  await file.close();
}
