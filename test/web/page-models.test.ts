import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withServer } from "../io/server.ts";
import { expected } from "../model/demo-model.ts";
import { answered, drop, openPageSite, type PageSite, ROOT, serveFolder } from "./page-site.ts";

const test = suite("page: models");
const folder = mkdtempSync(join(tmpdir(), "ahamask-models-"));
const local = join(folder, "nested");
let site: PageSite;
let page: Page;

test.before(async () => {
  cpSync(join(ROOT, "models/demo/model"), local, { recursive: true });
  mkdirSync(join(local, "onnx"));
  writeFileSync(join(local, "onnx/config.json"), "{}"); // of the same name as the model's own
  site = await openPageSite();
  page = await site.open();
  await answered(page);
});
test.after(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
});

/** Waits for the model of this name, which then answers as the reference does. */
async function isLoaded(name: string): Promise<void> {
  await page.waitForFunction((name) => document.querySelector(".picker b")?.textContent === name, name);
  const [transcript] = await answered(page);
  assert.is(transcript, expected("speech-002", "instruction", "asr").text);
}

const openPicker = () => page.locator(".picker summary").click();

async function loadFrom(url: string): Promise<void> {
  await openPicker();
  await page.getByLabel("At an address").fill(url);
  await page.getByRole("button", { name: "Load", exact: true }).click();
}

test("a model's folder that is dropped answers, whatever lies in folders below it", async () => {
  await drop(page, local);
  await isLoaded("nested");
});

test("a model's folder that is picked answers too", async () => {
  await openPicker();
  await page.getByRole("button", { name: /^Demo model/ }).click();
  await isLoaded("demo model");
  await openPicker();
  await page.locator("input[type=file][webkitdirectory]").setInputFiles(local);
  await isLoaded("nested");
  assert.is(await page.getByRole("alert").count(), 0);
});

/** Paths of what the browser keeps for the page. */
const keptFiles = () =>
  page.evaluate(async () => {
    const list = async (folder: FileSystemDirectoryHandle): Promise<string[]> => {
      const found: string[] = [];
      for await (const handle of folder.values())
        found.push(...(handle.kind === "file" ? [handle.name] : await list(handle)));
      return found;
    };
    return list(await navigator.storage.getDirectory());
  });

test("a model that is forgotten goes alone, and all of them leave nothing", async () => {
  const server = await serveFolder(join(ROOT, "models/demo/model"));
  server.cors = true;
  await loadFrom(server.url);
  await page.waitForFunction(() => document.querySelectorAll(".kept li").length === 2);
  await page.locator(".kept summary").click();
  await page.getByRole("button", { name: "Forget demo model" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".kept li").length === 1);
  assert.match(await page.locator(".kept li").innerText(), /^localhost.*6\.2 MB/s);
  assert.ok((await keptFiles()).length > 0);
  await page.getByRole("button", { name: "Forget all" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".kept li").length === 0);
  assert.equal(await keptFiles(), []);
  await server.stop();
});

test("a load that is cancelled ends the download, and the model before it is there again", async () => {
  const before = await page.locator(".picker b").innerText();
  let open = 0;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader("Access-Control-Allow-Origin", "*").setHeader("Access-Control-Allow-Headers", "Range");
    const file = join(local, request.url ?? "");
    if (request.method === "OPTIONS") return void response.end();
    if (!existsSync(file)) return void response.writeHead(404).end();
    const bytes = readFileSync(file); // whole files only
    response.setHeader("Content-Length", bytes.length);
    if (!file.endsWith("model.safetensors")) return void response.end(bytes);
    open++;
    response.on("close", () => open--);
    response.write(bytes.subarray(0, 3_000_000)); // and no more
  };
  await withServer(answer, async (url) => {
    await loadFrom(url);
    await page.getByText(/^[\d.]+ [kM]B of 6\.2 MB$/).waitFor();
    assert.is(open, 1);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".loading").length === 0);
    for (const end = Date.now() + 5000; open > 0 && Date.now() < end; )
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.is(open, 0);
  });
  assert.is(await page.locator(".picker b").innerText(), before);
});

test("a newer page is shown by the next load, not by the one after", async () => {
  await page.evaluate(() => navigator.serviceWorker.ready);
  const index = join(site.folder, "index.html");
  writeFileSync(index, readFileSync(index, "utf8").replace("<title>", "<title>newer "));
  await page.reload();
  assert.match(await page.title(), /^newer /);
});

test.run();
