import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const WORKER = fileURLToPath(new URL("service-worker.js", import.meta.url));

/** Kept from the first visit on: the page itself, and those of the demo's files that it shows at once. */
const KEPT = /^(?!demo\/)|^demo\/(clips\.jsonl|instructions\.json|masks\/\w+\.safetensors|clips\/eval\/.*)$/;

/** Writes sw.js once all else is written: its version is a hash of what it keeps. */
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
      const files = filesIn(folder).filter((file) => file !== "sw.js" && KEPT.test(file));
      const hash = createHash("sha256");
      for (const file of files) hash.update(file).update(readFileSync(join(folder, file)));
      const version = hash.digest("hex").slice(0, 12);
      const names = JSON.stringify(files.map((file) => (file === "index.html" ? "./" : file)));
      const head = `const VERSION = "${version}";\nconst FILES = ${names};\n`;
      writeFileSync(join(folder, "sw.js"), head + readFileSync(WORKER, "utf8"));
    },
  },
});

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
