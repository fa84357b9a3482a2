import { createReadStream, statSync } from "node:fs";
import { cp } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { wgsl } from "../scripts/wgsl.ts";
import { filesIn, hashOf, offline } from "./offline.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DEMO = join(ROOT, "models/demo");

/** models/demo's folder on the page: its name tells its content. */
const DEMO_FOLDER = `demo-${hashOf(DEMO, filesIn(DEMO))}`;

/** The demo is copied by the build, and answered from where it lies by the server here; as `demo/`, too. */
const demo = (): Plugin => ({
  name: "demo",
  configurePreviewServer({ middlewares }) {
    for (const folder of ["demo", DEMO_FOLDER]) middlewares.use(`/${folder}`, serveDemo);
  },
  async writeBundle({ dir }) {
    if (dir) await cp(DEMO, join(dir, DEMO_FOLDER), { recursive: true });
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
  if (range && start >= stat.size) {
    response.writeHead(416, { "Content-Range": `bytes */${stat.size}` }).end();
    return;
  }
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
  define: { DEMO_FOLDER: JSON.stringify(DEMO_FOLDER) },
});
