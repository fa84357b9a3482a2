import { defineConfig } from "tsdown";

const common = {
  format: "esm",
  dts: true,
  sourcemap: true,
  fixedExtension: false,
  loader: { ".wgsl": "text" },
} as const;

/** The library and the command for Node, and the library for browsers: `#adapter` and `#files` resolve by platform. */
export default defineConfig([
  {
    ...common,
    entry: { index: "src/index.ts", "cli/main": "src/cli/main.ts" },
    platform: "node",
    outDir: "dist",
  },
  { ...common, entry: { index: "src/index.ts" }, platform: "browser", outDir: "dist/browser" },
]);
