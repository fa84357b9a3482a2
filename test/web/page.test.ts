import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TensorSource, writeTorch } from "../../scripts/torch-writer.ts";
import { command, ours, withFolder } from "../cli/command.ts";
import { demoMask, expected } from "../model/demo-model.ts";
import { expectNoLongTask } from "./main-thread.ts";
import { answered, answerOf, drop, openPageSite, type PageSite, picture, ROOT } from "./page-site.ts";

const test = suite("page");
let site: PageSite;
let page: Page;
const requests: string[] = [];

test.before(async () => {
  site = await openPageSite();
  page = await site.open({ onRequest: (url) => requests.push(url) });
});
test.after(() => site.close());

const cell = (layer: number, head: number) => page.locator(`.cell[data-at="${layer},${head}"]`);
const headsOn = () => page.locator('.cell[aria-selected="true"]').count();

/** What a head says when it is reached. */
async function labelOf(layer: number, head: number): Promise<string> {
  await cell(layer, head).focus();
  return String(await cell(layer, head).getAttribute("aria-label"));
}

test("the demo model is there at once, and answers as the reference does, side by side", async () => {
  const texts = await answered(page);
  const by = (condition: "instruction" | "none" | "mask", task: string | null) =>
    expected("speech-002", condition, task).text;
  assert.equal(texts.slice(0, 2), [by("instruction", "asr"), by("none", null)]);
  assert.is(await answerOf(page, "name the gender").innerText(), "male");
  await page.waitForFunction(() => document.querySelectorAll(".clip .mel").length === 5);
  assert.match(
    await page.locator(".readings").innerText(),
    /GPU\s+software\s+memory\s+[\d.]+ MB\s+tokens\/s\s+[\d.]+/i,
  );
  assert.match(String(await page.locator(".reading.wide").getAttribute("title")), /SwiftShader/i);
  await picture(page, "01-ready");
});

test("a FLAC that is dropped is heard and transcribed", async () => {
  let transcript: string | undefined;
  await expectNoLongTask(site.browser, page, async () => {
    await drop(page, join(ROOT, "models/demo/clips/eval/speech-000.flac"));
    await page.locator(".clip.chosen", { hasText: "speech-000.flac" }).waitFor();
    [transcript] = await answered(page);
  });
  assert.is(transcript, expected("speech-000", "instruction", "asr").text);
  await picture(page, "02-dropped");
});

test("heads that are clicked change the answer, and undo brings it back", async () => {
  const answer = answerOf(page, "name the gender");
  const before = await answer.innerText();
  assert.is(before, "female");
  await page.getByRole("button", { name: "All on" }).click();
  await answered(page);
  for (const head of [0, 3]) await cell(0, head).click();
  await answered(page);
  const after = await answer.innerText();
  assert.is.not(after, before);
  assert.is(await labelOf(0, 3), "layer 0, head 3, off");
  await picture(page, "03-clicked");
  for (let i = 0; i < 3; i++) await page.getByRole("button", { name: "Undo" }).click();
  await answered(page);
  assert.is(await answer.innerText(), before);
});

test("the map is painted by dragging, and walked with the keys", async () => {
  const before = await headsOn();
  await cell(6, 0).scrollIntoViewIfNeeded();
  const [from, to] = await Promise.all([cell(6, 0).boundingBox(), cell(6, 2).boundingBox()]);
  await page.mouse.move(from!.x + 9, from!.y + 9);
  await page.mouse.down();
  await page.mouse.move(to!.x + 9, to!.y + 9); // past a head in between
  await page.mouse.up();
  assert.is(await headsOn(), before + 3);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowUp");
  assert.is(await page.evaluate(() => document.activeElement?.getAttribute("data-at")), "5,2");
  await page.keyboard.press("Space");
  assert.is(await headsOn(), before + 2);
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+z");
  assert.is(await headsOn(), before);
  await page.keyboard.press("Control+Shift+z");
  assert.is(await headsOn(), before + 3);
});

test("all heads are switched at once: all on, inverted, as many drawn anew", async () => {
  const press = (name: string) => page.getByRole("button", { name, exact: true }).click();
  const before = await headsOn();
  await press("Random");
  assert.is(await headsOn(), before);
  await press("Invert");
  assert.is(await headsOn(), 64 - before);
  await press("All on");
  assert.is(await headsOn(), 64);
  for (let i = 0; i < 3; i++) await press("Undo");
  assert.is(await headsOn(), before);
});

test("a mask from a file, of safetensors or of PyTorch, is answered under", async () => {
  await withFolder(async (folder) => {
    const mask = join(folder, "plain.pth");
    const gates = (await demoMask("masks/gr.safetensors")).gates();
    const logits = Float32Array.from(
      { length: 8 * 9 },
      (
        _,
        i, // and one for each layer's FFN
      ) => (i % 9 < 8 ? 2 * gates[Math.floor(i / 9) * 8 + (i % 9)]! - 1 : 0),
    );
    writeTorch(mask, { tensor: new TensorSource("F32", [72], () => [new Uint8Array(logits.buffer)]) });
    await page
      .getByLabel("Import a mask")
      .setInputFiles([join(ROOT, "models/demo/masks/ser.safetensors"), mask]);
    const texts = (await answered(page, 6)).slice(4);
    assert.equal(texts, [
      expected("speech-000", "mask", "ser").text,
      expected("speech-000", "mask", "gr").text,
    ]);
  });
  for (const name of ["ser", "plain"])
    await page.getByRole("button", { name: `Remove this condition: mask ${name}` }).click();
  await page.locator(".mask-title", { hasText: "name the gender" }).click(); // for the map
});

test("an answer is judged by what is asked now, not by what was", async () => {
  await page.locator(".clip", { hasText: "Speech 023" }).locator(".choose").click();
  await answered(page);
  const card = page.locator(".card.instruction");
  await card.getByText("✓ correct").waitFor();
  await card.locator("input").fill("say it in german");
  await card.locator("input").press("Enter");
  await answered(page);
  const german = "stelle die heizung im büro auf sieben";
  const right = (await card.locator(".answer").innerText()) === german;
  assert.is(await card.locator(".verdict").innerText(), right ? "✓ correct" : `correct: ${german}`);
  await card.locator("input").fill("transcribe the speech");
  await card.locator("input").press("Enter");
  await page.locator(".clip", { hasText: "speech-000.flac" }).locator(".choose").click();
  await answered(page);
});

test("an exported mask makes the command line answer the same", async () => {
  const answer = (await answered(page))[3]!;
  const coming = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  const download = await coming;
  assert.is(download.suggestedFilename(), "name-the-gender.safetensors");
  await withFolder(async (folder) => {
    const mask = join(folder, "mask.safetensors");
    await download.saveAs(mask);
    const audio = "models/demo/clips/eval/speech-000.flac";
    const outcome = await command("run", "--model", "models/demo/model", "--audio", audio, "--mask", mask);
    assert.is(outcome.code, 0, ours(outcome).join("\n"));
    assert.is(outcome.stdout.trim(), answer);
    assert.ok(readFileSync(mask).includes("fingerprint"));
  });
});

test("heads are coloured by logit and by overlap, and effects come in one by one", async () => {
  const choose = (name: string) => page.locator(".segments span", { hasText: name }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await choose("logit");
  assert.match(await labelOf(0, 0), /^layer 0, head 0, on, logit \d\.\d\d$/);
  await picture(page, "04-logits");
  await choose("overlap");
  assert.match(await page.locator(".overlap .figures").innerText(), /^Jaccard 0\.\d\d .* in both, /);
  await picture(page, "05-overlap");
  await choose("effect");
  await answered(page);
  await expectNoLongTask(site.browser, page, async () => {
    await page.getByRole("button", { name: "Measure effects" }).click();
    await page.getByRole("button", { name: "Measure again" }).waitFor();
  });
  assert.match(await labelOf(7, 7), /effect −?\d+\.\d\d$/);
  await picture(page, "06-effects");
  await choose("on, off");
});

test("the saving is measured and told in words", async () => {
  await page.locator("#saving").getByRole("button", { name: "Measure" }).click();
  await page.locator(".sum").waitFor();
  await page.locator("#saving").getByLabel("Requests a day").fill("1000000");
  assert.match(await page.locator(".sum").innerText(), /^In a year that is [\d.]+ billion tokens not read/);
  await picture(page, "07-saving");
});

test("no task on the main thread is longer than 50 ms while it answers", () =>
  expectNoLongTask(site.browser, page, async () => {
    for (const clip of ["Speech 023", "Speech 037"]) {
      await page.locator(".clip", { hasText: clip }).locator(".choose").click();
      await answered(page);
    }
    await cell(3, 3).click();
    await answered(page);
  }));

test("nothing was asked of another origin", () => {
  const { origin } = new URL(site.server.url);
  assert.equal(
    requests.filter((url) => !url.startsWith(origin) && !url.startsWith("blob:")),
    [],
  );
});

test("on a second visit, with the server gone, it answers all the same", async () => {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await site.server.stop();
  await page.reload();
  const texts = await answered(page);
  assert.is(texts[0], expected("speech-002", "instruction", "asr").text);
  await page.locator(".kept summary").click();
  assert.match(await page.locator(".kept").innerText(), /6\.2 MB/);
  await picture(page, "08-offline");
});

test.run();
