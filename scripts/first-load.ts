/** What a page takes to start with the library. */
import { gzipSync } from "node:zlib";
import { Rolldown } from "tsdown";

/** Bytes, gzipped, that a page may have to fetch before it can do anything, codecs not counted. */
export const MOST_BYTES = 120_000;

export interface FirstLoad {
  /** Minified and gzipped: the library and the packages that it imports at once. */
  readonly bytes: number;
  /** What is imported and could not be bundled: nothing, in a browser. */
  readonly missing: readonly string[];
  /** The code of everything, also of what loads on demand. */
  readonly code: string;
}

/** Bundles the library's build for browsers as a page's own build would. @param entry path of its index.js */
export async function firstLoad(entry: string): Promise<FirstLoad> {
  const missing = new Set<string>();
  const bundle = await Rolldown.rolldown({
    input: entry,
    platform: "browser",
    onLog: (_level, { code, message }) => {
      if (code === "UNRESOLVED_IMPORT") missing.add(message);
    },
  });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  await bundle.close();
  const chunks = new Map(
    output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file] as const] : [])),
  );
  const first = new Set<string>();
  const visit = (name: string): void => {
    const chunk = chunks.get(name);
    if (!chunk) missing.add(name);
    else if (!first.has(name)) {
      first.add(name);
      chunk.imports.forEach(visit);
    }
  };
  visit(output[0].fileName);
  const bytes = [...first].reduce((sum, name) => sum + gzipSync(chunks.get(name)!.code).length, 0);
  return { bytes, missing: [...missing], code: [...chunks.values()].map(({ code }) => code).join("\n") };
}
