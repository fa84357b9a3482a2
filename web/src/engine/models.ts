import { type Folder, httpFolder } from "../../../src/index.ts";
import type { ModelSource } from "./engine.ts";

/** Where a model's files come from. */
export function openSource(source: ModelSource): Folder {
  if (source.kind === "files") throw new Error("engine: expected an address, got files");
  return httpFolder(source.url);
}
