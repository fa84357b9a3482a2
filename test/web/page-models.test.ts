import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expected } from "../model/demo-model.ts";
import { answered, drop, openPageSite, type PageSite, ROOT } from "./page-site.ts";

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

test.run();
