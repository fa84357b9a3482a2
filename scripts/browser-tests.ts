/** Runs test files in pages of one Chromium, each in a worker of its own, from the sources that Node runs too. */
import { createServer as createHttpServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import util from "node:util";
import { createServer as createVite } from "vite";
import { launchChromium } from "../test/browser/chromium.ts";
import { exists, listFiles, locate, readBytes } from "../test/fixtures-node.ts";
import { serve } from "../test/io/server.ts";
import { wgsl } from "./wgsl.ts";

const ROOT = locate("");

/** Whose tests run in pages too. */
const FOLDERS = ["audio", "autograd", "gpu", "io", "kernels", "mask", "model", "reference", "tasks", "text"];

/** Their files that test what only Node has. */
const NODE_ONLY = [
  "test/audio/memory.test.ts", // its measure of memory
  "test/audio/speed.test.ts", // times, which the browser's own work spoils
  "test/gpu/exit.test.ts", // processes that end, and garbage
  "test/gpu/polling.test.ts", // Dawn's binding for Node
  "test/io/convert-source.test.ts", // files that change on the disk
  "test/io/files-node.test.ts", // the file system
  "test/io/http.test.ts", // web servers that misbehave
  "test/io/model-cache.test.ts", // web servers that misbehave
  "test/io/memory.test.ts", // files of gigabytes, and its measure of memory
  "test/io/store.test.ts", // stores on the disk
  "test/io/zip-large.test.ts", // a file of gigabytes
  "test/model/exit.test.ts", // a process that ends
  "test/model/lifetime.test.ts", // models loaded and freed over and over: the same as in Node, and minutes
  "test/tasks/learn-run.test.ts", // minutes of learning; test/web/engine-learn.test.ts learns in a page
  "test/model/random-salmonn.test.ts", // a script that writes files
];

/** Whether the test file at this path from the root runs in a page as well. */
export const runsInPage = (file: string): boolean =>
  FOLDERS.some((folder) => file.startsWith(`test/${folder}/`)) && !NODE_ONLY.includes(file);

/** What a test file came to. */
export interface Outcome {
  readonly output: string;
  readonly ok: boolean;
  /** How it ended, where that is worth a word. */
  readonly end: string;
}

export interface Pages {
  /** Runs the test file at this path from the root; ends it after `limit` seconds. */
  run(file: string, limit: number): Promise<Outcome>;
  close(): Promise<void>;
}

/**
 * Starts a browser and what it loads the files from. Files that run at the same time get a browser each, since the
 * pages of one share a thread that compiles shaders. Throws where there is no browser.
 */
export async function openPages(): Promise<Pages> {
  const browsers = [await launchChromium()];
  const idle = [...browsers];
  const server = await serveRepository();
  const start = async () => {
    const browser = await launchChromium();
    browsers.push(browser);
    return browser;
  };
  return {
    async run(file, limit) {
      const browser = idle.pop() ?? (await start());
      const page = await browser.newPage();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<Outcome>((resolve) => {
        timer = setTimeout(async () => {
          const output = await page.evaluate<string>("printed").catch(() => "");
          resolve({ output, ok: false, end: `hung: ended after ${limit} s` });
        }, limit * 1000);
      });
      const outcome = page
        .goto(`${server.url}?file=${encodeURIComponent(file)}`)
        .then(() => page.evaluate<Outcome>("outcome"))
        .catch((error: Error) => ({ output: error.message, ok: false, end: "page crashed" }));
      try {
        return await Promise.race([outcome, late]);
      } finally {
        clearTimeout(timer);
        await page.close();
        if (browser.isConnected()) idle.push(browser);
      }
    },
    async close() {
      await Promise.all(browsers.map((browser) => browser.close()));
      await server.close();
    },
  };
}

/** The packages that the sources and the tests import, bundled before the first page loads: later would reload it. */
const PACKAGES = [
  "@huggingface/jinja",
  "@huggingface/tokenizers",
  "@wasm-audio-decoders/flac",
  "@wasm-audio-decoders/ogg-vorbis",
  "mpg123-decoder",
  "uvu",
  "uvu/assert",
  "yaml",
];

/** Serves the repository: sources as vite turns them into JavaScript, other files as they are, folders as lists. */
async function serveRepository() {
  const vite = await createVite({
    root: ROOT,
    configFile: false,
    appType: "custom",
    logLevel: "error",
    cacheDir: join(ROOT, "node_modules/.vite/tests"),
    plugins: [wgsl()],
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true, include: PACKAGES },
  });
  const answer: RequestListener = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    const path = decodeURIComponent(pathname.slice(1));
    if (pathname === "/")
      response
        .setHeader("content-type", "text/html")
        .end('<script type="module" src="/test/browser/page.ts"></script>');
    else if (searchParams.has("files")) response.end(JSON.stringify(listFiles(path)));
    else if (/^(models|test\/fixtures)\//.test(path))
      serve(exists(path) ? { [path]: readBytes(path) } : {})(request, response);
    else vite.middlewares(request, response, () => response.writeHead(404).end());
  };
  const server = createHttpServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections();
      await util.promisify(server.close.bind(server))();
      await vite.close();
    },
  };
}
