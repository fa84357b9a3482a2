import { readFile } from "node:fs/promises";
import { defineConfig } from "tsdown";
import { firstLoad, MOST_BYTES } from "./scripts/first-load.ts";

const common = {
  format: "esm",
  sourcemap: true,
  fixedExtension: false,
  loader: { ".wgsl": "text" },
} as const;

/** Shaders without their comments; lines and columns stay where they are, since errors name them. */
const bareShaders = {
  name: "bare-shaders",
  async load(id: string) {
    if (!id.endsWith(".wgsl")) return null;
    const code = (await readFile(id, "utf8")).replace(/[ \t]*\/\/.*$/gm, "");
    return { code: `export default ${JSON.stringify(code)};`, moduleType: "js" as const };
  },
};

/** The library and the command for Node, and the library for browsers: `#adapter` and `#files` resolve by platform. */
export default defineConfig([
  {
    ...common,
    entry: { index: "src/index.ts", "cli/main": "src/cli/main.ts" },
    platform: "node",
    outDir: "dist",
    dts: true, // for browsers, too
  },
  {
    ...common,
    entry: { index: "src/index.ts" },
    platform: "browser",
    outDir: "dist/browser",
    dts: false,
    minify: true,
    plugins: [bareShaders],
    hooks: {
      async "build:done"() {
        const { bytes, missing } = await firstLoad("dist/browser/index.js");
        if (missing.length)
          throw new Error(`build: expected a bundle that browsers can load, got ${missing}`);
        console.log(`browser: ${(bytes / 1000).toFixed(1)} kB gzipped, codecs load on demand`);
        if (bytes > MOST_BYTES)
          throw new Error(
            `build: expected at most ${MOST_BYTES / 1000} kB, got ${bytes / 1000} kB; load more on demand`,
          );
      },
    },
  },
]);
