/** A part of the page as built, served, and on a page of its own in a real Chromium. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { build, preview } from "vite";
import type { EngineClient } from "../../web/src/engine/client.ts";
import { launchChromium } from "../browser/chromium.ts";

declare global {
  /** On the page: `page.evaluate` reaches it. */
  var engine: EngineClient;
  /** On the page: a file of the site, as if it had been dropped. */
  var fetchFile: (path: string) => Promise<File>;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const common = { configFile: join(ROOT, "web/vite.config.ts"), root: join(ROOT, "test/web") };

export interface Site {
  readonly url: string;
  readonly browser: Browser;
  /** A page with the part, in a context of its own or a given one; `workerPrefix` runs in the worker before its own code. */
  open(options?: { readonly context?: BrowserContext; readonly workerPrefix?: string }): Promise<Page>;
  close(): Promise<void>;
}

/**
 * @param flags for the browser's command line
 * @param part `engine.html` or `map.html`: it sets a global of its name
 */
export async function openSite(flags: readonly string[] = [], part = "engine"): Promise<Site> {
  const outDir = mkdtempSync(join(tmpdir(), "ahamask-web-"));
  const input = join(common.root, `${part}.html`);
  await build({
    ...common,
    logLevel: "error",
    build: { outDir, emptyOutDir: true, rolldownOptions: { input } },
  });
  const server = await preview({ ...common, logLevel: "warn", build: { outDir }, preview: { port: 0 } });
  const url = server.resolvedUrls?.local[0];
  if (!url) throw new Error("site: expected vite to tell its address, got none");
  const browser = await launchChromium(flags);
  return {
    url,
    browser,
    async open({ context, workerPrefix } = {}) {
      const page = await (context ?? (await browser.newContext())).newPage();
      page.on("pageerror", (error) => console.error(`page: ${error.stack ?? error.message}`));
      await page.addInitScript("globalThis.__name = (f) => f"); // what tsx marks functions with
      await page.addInitScript(() => {
        globalThis.fetchFile = async (path) =>
          new File([await (await fetch(path)).blob()], path.split("/").pop() ?? "");
      });
      if (workerPrefix)
        await page.route("**/worker-*.js", async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, body: `${workerPrefix};${await response.text()}` });
        });
      await page.goto(`${url}${part}.html`);
      await page.waitForFunction((part) => part in globalThis, part);
      return page;
    },
    async close() {
      await browser.close();
      await server.close();
      rmSync(outDir, { recursive: true });
    },
  };
}
