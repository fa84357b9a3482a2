import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";

/** Makes vite give `.wgsl` files as strings. */
export const wgsl = (): Plugin => ({
  name: "wgsl",
  enforce: "pre",
  async load(id) {
    if (!id.endsWith(".wgsl")) return;
    return `export default ${JSON.stringify(await readFile(id, "utf8"))};`;
  },
});
