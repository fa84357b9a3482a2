import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const WORKER = fileURLToPath(new URL("service-worker.js", import.meta.url));

/** Kept from the first visit on: the page itself, and those of the demo's files that it shows at once. */
const KEPT =
  /^(?!demo-)|^demo-\w+\/(clips\.jsonl|instructions\.json|masks\/\w+\.safetensors|clips\/eval\/.*)$/;

/** Writes sw.js once all else is written: its version is a hash of all of it. */
export const offline = (): Plugin => ({
  name: "offline",
  apply: "build",
  enforce: "post",
  closeBundle: {
    order: "post",
    sequential: true,
    handler() {
      const { root, build } = this.environment.config;
      const folder = resolve(root, build.outDir);
      const files = filesIn(folder).filter((file) => file !== "sw.js");
      const kept = files.filter((file) => KEPT.test(file));
      const names = JSON.stringify(kept.map((file) => (file === "index.html" ? "./" : file)));
      const head = `const VERSION = "${hashOf(folder, files)}";\nconst FILES = ${names};\n`;
      writeFileSync(join(folder, "sw.js"), head + readFileSync(WORKER, "utf8"));
    },
  },
});

/** Of the files' names and what is in them. */
export function hashOf(folder: string, files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(readFileSync(join(folder, file)));
  return hash.digest("hex").slice(0, 12);
}

export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
