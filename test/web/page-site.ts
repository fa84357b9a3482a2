/** The page as built, served from a sub-path, in a real Chromium. */
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { build } from "vite";
import { launchChromium } from "../browser/chromium.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Pictures of the page's states. */
const PICTURES = join(ROOT, "test-results/web");

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".flac": "audio/flac",
  ".wasm": "application/wasm",
};

/** What a server does; to be changed while it runs. */
export interface Switches {
  /** Answers `Range` with a part; without, with the whole file. */
  range: boolean;
  /** Lets pages of other origins read. */
  cors: boolean;
  /** Put in front of the worker's script. */
  workerPrefix: string;
}

export interface StaticServer extends Switches {
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves the files of a folder below a path, as a plain host does. */
export async function serveFolder(folder: string, path = "/"): Promise<StaticServer> {
  const switches: Switches = { range: true, cors: false, workerPrefix: "" };
  const server = createServer((request, response) => send(folder, path, switches, request, response));
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(switches, {
    url: `http://localhost:${port}${path}`,
    stop: () => stop(server),
  });
}

function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return closed;
}

function send(
  folder: string,
  path: string,
  { range, cors, workerPrefix }: Switches,
  { url = "/", headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const asked = decodeURIComponent(new URL(url, "http://localhost").pathname);
  const name = normalize(asked.slice(path.length)) || "index.html";
  const file = join(folder, name === "." ? "index.html" : name);
  if (cors) response.setHeader("Access-Control-Allow-Origin", "*");
  if (cors) response.setHeader("Access-Control-Expose-Headers", "Content-Range, Content-Length");
  if (cors) response.setHeader("Access-Control-Allow-Headers", "Range");
  const stat = asked.startsWith(path) ? statSync(file, { throwIfNoEntry: false }) : undefined;
  if (!stat?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
  if (workerPrefix && /\/worker-[^/]*\.js$/.test(file)) {
    response.end(`${workerPrefix};${readFileSync(file, "utf8")}`);
    return;
  }
  const part = range ? /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") : null;
  const start = Number(part?.[1] ?? 0);
  const end = Math.min(part?.[2] ? Number(part[2]) : Infinity, stat.size - 1);
  response.writeHead(part ? 206 : 200, {
    "Content-Length": end - start + 1,
    ...(range && { "Accept-Ranges": "bytes" }),
    ...(part && { "Content-Range": `bytes ${start}-${end}/${stat.size}` }),
  });
  createReadStream(file, { start, end }).pipe(response);
}

export interface OpenOptions extends BrowserContextOptions {
  /** Hears of every request of the page and its workers. */
  readonly onRequest?: (url: string) => void;
  /** Runs in the page before its own code. */
  readonly before?: string;
}

export interface PageSite {
  readonly server: StaticServer;
  /** What is served. */
  readonly folder: string;
  readonly browser: Browser;
  /** A new page in a context of its own, at the page's address. */
  open(options?: OpenOptions): Promise<Page>;
  close(): Promise<void>;
}

/** Builds the page and serves it. @param flags for the browser's command line */
export async function openPageSite(flags: readonly string[] = []): Promise<PageSite> {
  const folder = mkdtempSync(join(tmpdir(), "ahamask-page-"));
  await build({
    configFile: join(ROOT, "web/vite.config.ts"),
    logLevel: "error",
    build: { outDir: folder, emptyOutDir: true },
  });
  const server = await serveFolder(folder, "/some/where/");
  const browser = await launchChromium(flags);
  return {
    server,
    folder,
    browser,
    async open({ onRequest, before, ...options } = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      if (onRequest) context.on("request", (request) => onRequest(request.url()));
      if (before) await context.addInitScript(before);
      const page = await context.newPage();
      page.setDefaultTimeout(120_000); // a CPU plays the GPU
      page.on("pageerror", (error) => console.error(`page: ${error.stack ?? error.message}`));
      await page.addInitScript("globalThis.__name = (f) => f"); // what tsx marks functions with
      await page.goto(server.url);
      return page;
    },
    async close() {
      await browser.close();
      await server.stop().catch(() => {});
      rmSync(folder, { recursive: true });
    },
  };
}

/** Waits until so many conditions are answered, and none is waiting. */
export async function answered(page: Page, least = 4): Promise<string[]> {
  await page.waitForFunction((n) => {
    const all = document.querySelectorAll(".answer");
    return all.length >= n && [...all].every((answer) => answer.classList.contains("done"));
  }, least);
  return page.locator(".answer").allInnerTexts();
}

/** The answer on the card whose title says `name`. */
export const answerOf = (page: Page, name: string) =>
  page.locator(".card", { hasText: name }).locator(".answer");

/** Keeps a picture of the page's state. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(PICTURES, { recursive: true });
  await page.evaluate(() => scrollTo(0, 0)); // what sticks to the window is where it was
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
}

/** Drops files from the disk on the page, as a hand does. */
export async function drop(page: Page, ...files: string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await session.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
  await session.detach();
}
