import { CachedFolder } from "./cached-folder.ts";
import { folderOf, isWhole, KeptFiles, MANIFEST, PIECE, parseManifest } from "./kept-files.ts";
import type { Folder } from "./source.ts";
import type { Store } from "./store.ts";

/** A model that a cache keeps, or part of one. */
export interface KeptModel {
  readonly url: string;
  readonly bytes: number;
  /** All that it takes to load it is here. */
  readonly whole: boolean;
}

/**
 * Models kept on this machine as they are read. What was read once is not fetched again, after a broken connection, a reload
 * or a kill; a whole model needs no network. Pieces carry check sums: a damaged one is fetched again. Several tabs may use one
 * cache at once.
 */
export class ModelCache {
  /** @param store to keep them in, such as `openStore("models")`, and nothing else */
  constructor(private readonly store: Store) {}

  /** A model's files where they are published, such as `httpFolder(url)`, read through this cache. */
  async folder(remote: Folder): Promise<CachedFolder> {
    return new CachedFolder(remote, new KeptFiles(this.store, remote.name, await folderOf(remote.name)));
  }

  /** What is kept, by address. Left-overs that belong to no model are cleared away. @throws SourceError of the store */
  async kept(): Promise<KeptModel[]> {
    const models: KeptModel[] = [];
    for (const [folder, files] of await this.#folders()) {
      const manifest = parseManifest(await this.store.read(`${folder}/${MANIFEST}`));
      const facts = Object.values(manifest?.files ?? {}).filter((fact) => typeof fact === "object");
      const sizes = new Map(facts.map(({ id, size }) => [id, size]));
      let bytes = 0;
      for (const file of files.filter((name) => name !== MANIFEST)) {
        const [id, index] = file.split(".") as [string, string];
        if (sizes.has(id)) bytes += Math.min(PIECE, (sizes.get(id) ?? Infinity) - Number(index) * PIECE);
        else await this.store.remove(`${folder}/${file}`);
      }
      if (manifest)
        models.push({ url: manifest.url, bytes, whole: manifest.complete && facts.every(isWhole) });
    }
    return models.sort((a, b) => (a.url < b.url ? -1 : 1));
  }

  /** Deletes what is kept of one model. @throws SourceError of the store */
  async forget(url: string): Promise<void> {
    await this.#remove(await folderOf(url));
  }

  /** Deletes all. @throws SourceError of the store */
  async clear(): Promise<void> {
    for (const folder of (await this.#folders()).keys()) await this.#remove(folder);
  }

  async #folders(): Promise<Map<string, string[]>> {
    const folders = new Map<string, string[]>();
    for (const path of await this.store.list()) {
      const [folder, file] = path.split("/") as [string, string];
      folders.set(folder, [...(folders.get(folder) ?? []), file]);
    }
    return folders;
  }

  /** The manifest goes first: without it the rest is worth nothing. */
  async #remove(folder: string): Promise<void> {
    await this.store.remove(`${folder}/${MANIFEST}`);
    for (const path of await this.store.list())
      if (path.startsWith(`${folder}/`)) await this.store.remove(path);
  }
}
