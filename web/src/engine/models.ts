import {
  type Folder,
  httpFolder,
  ModelCache,
  openStore,
  pickedFolder,
  SourceError,
} from "../../../src/index.ts";
import type { LoadedModel, ModelSource } from "./engine.ts";

/** What is kept of models on this machine. */
export const models = new ModelCache(openStore("models"));

/** A model's files, and what to say of how they came once they have been read. */
export interface Source {
  readonly folder: Folder;
  read(): Promise<Pick<LoadedModel, "fetchedBytes" | "keptBytes" | "notKept">>;
}

export async function openSource(source: ModelSource): Promise<Source> {
  if (source.kind === "files")
    return {
      folder: pickedFolder(source.name, source.files),
      read: async () => ({ fetchedBytes: 0, keptBytes: 0 }),
    };
  const folder = await models.folder(httpFolder(source.url));
  return {
    folder,
    async read() {
      await folder.markWhole();
      const { traffic, notKept } = folder;
      return { fetchedBytes: traffic.fetched, keptBytes: traffic.kept, ...(notKept && { notKept }) };
    },
  };
}

/** For a list of what a browser keeps that keeps nothing, as in a private window. */
export function keepsNothing(error: unknown): never[] {
  if (error instanceof SourceError) return [];
  throw error;
}
