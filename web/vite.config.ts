import { createReadStream, statSync } from "node:fs";
import { cp } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { wgsl } from "../scripts/wgsl.ts";
import { offline } from "./offline.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DEMO = join(ROOT, "models/demo");

/** models/demo as the page's `demo/`: answered from where it lies by the servers here, copied by the build. */
const demo = (): Plugin => ({
  name: "demo",
  configureServer: ({ middlewares }) => void middlewares.use("/demo", serveDemo),
  configurePreviewServer: ({ middlewares }) => void middlewares.use("/demo", serveDemo),
  async writeBundle({ dir }) {
    if (dir) await cp(DEMO, join(dir, "demo"), { recursive: true });
  },
});

/** A file or, as a browser asks for it with `Range: bytes=begin-end`, a part: vite's own server gives all for 0-0. */
function serveDemo(
  { url = "/", headers }: IncomingMessage,
  response: ServerResponse,
  next: () => void,
): void {
  const file = join(DEMO, decodeURIComponent(new URL(url, "http://localhost").pathname));
  const inside = file.startsWith(join(DEMO, "/"));
  const stat = inside ? statSync(file, { throwIfNoEntry: false }) : undefined;
  if (!stat?.isFile()) {
    next();
    return;
  }
  const [range, from = 0, to = ""] = /^bytes=([0-9]+)-([0-9]*)$/.exec(headers.range ?? "") ?? [];
  const start = Number(from);
  const end = Math.min(to === "" ? Infinity : Number(to), stat.size - 1);
  response.writeHead(range ? 206 : 200, {
    "Accept-Ranges": "bytes",
    "Content-Length": end - start + 1,
    ...(range && { "Content-Range": `bytes ${start}-${end}/${stat.size}` }),
  });
  createReadStream(file, { start, end }).pipe(response);
}

/** The page in web/: `base` is relative, so that the built folder works from any host and path. */
export default defineConfig({
  root: join(ROOT, "web"),
  base: "./",
  appType: "mpa", // a file that is not there is not found, rather than the page
  plugins: [wgsl(), demo(), offline()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    rolldownOptions: { checks: { pluginTimings: false } }, // a slow machine is no warning
  },
  worker: { format: "es", plugins: () => [wgsl()] },
  server: { fs: { allow: [ROOT] } },
  // What only the worker imports, or only when it needs it: found late, it would make the page load again.
  optimizeDeps: {
    include: [
      "@huggingface/jinja",
      "@huggingface/tokenizers",
      "@wasm-audio-decoders/flac",
      "@wasm-audio-decoders/ogg-vorbis",
      "comlink",
      "mpg123-decoder",
      "yaml",
    ],
  },
});
