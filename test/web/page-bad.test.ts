import { cpSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { HeadMask, prepareAudio, readFile, writeMask } from "../../src/index.ts";
import { bytesOf, makeWav } from "../audio/fixtures.ts";
import { expected } from "../model/demo-model.ts";
import { LOSE } from "./lose.ts";
import { answered, drop, openPageSite, type PageSite, picture, ROOT, serveFolder } from "./page-site.ts";

const test = suite("page: what goes wrong");
const folder = mkdtempSync(join(tmpdir(), "ahamask-bad-"));
const spoken = join(folder, "spoken.wav");
let site: PageSite;
let page: Page;

test.before(async () => {
  const clip = join(ROOT, "models/demo/clips/eval/speech-000.flac");
  const { samples } = await prepareAudio(await readFile(clip), clip, { channels: "mean", maxSeconds: 3 });
  const integers = Int16Array.from(samples, (sample) => Math.round(32767 * sample));
  writeFileSync(spoken, makeWav(bytesOf(integers)));
  site = await openPageSite([
    "--use-fake-device-for-media-stream",
    `--use-file-for-fake-audio-capture=${spoken}`,
  ]);
  site.server.workerPrefix = LOSE;
  page = await site.open();
  await answered(page);
});
test.after(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
});

function file(name: string, bytes: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** What the page says went wrong, which is then dismissed. */
async function alertOf(on: Page, name: string): Promise<string> {
  const alert = on.getByRole("alert");
  await alert.waitFor();
  const text = await alert.innerText();
  await picture(on, name);
  await on.getByRole("button", { name: /^Dismiss/ }).click();
  assert.is(await alert.count(), 0);
  return text;
}

const load = async (url: string) => {
  await page.locator(".picker summary").click();
  await page.getByLabel("At an address").fill(url);
  await page.getByRole("button", { name: "Load", exact: true }).click();
};

test("a text file that is dropped is no sound: it is said, and nothing is listed", async () => {
  const clips = await page.locator(".clip").count();
  await drop(page, file("notes.txt", "Dear diary, this is no sound at all."));
  assert.match(await alertOf(page, "30-text-file"), /“notes\.txt” could not be heard\s+.*expected/s);
  assert.is(await page.locator(".clip").count(), clips);
});

test("of a file of 3 hours the model hears the first seconds, and it is said", async () => {
  const dataSize = 2 * 3 * 3600 * 16_000;
  const path = file("long.wav", makeWav(new Uint8Array(), { dataSize, riffSize: 36 + dataSize }));
  truncateSync(path, 44 + dataSize);
  await drop(page, path);
  await page.locator(".clip.chosen", { hasText: "long.wav" }).waitFor();
  assert.match(await page.locator(".facts").innerText(), /3:00:00.*The model hears the first 3\.0 s/s);
  await answered(page);
  await picture(page, "31-three-hours");
});

test("a mask of another model is refused, with the reason", async () => {
  const small = HeadMask.all(4, 4);
  const other = HeadMask.all(8, 8).withMetadata({ fingerprint: "0123" });
  for (const [name, mask, reason] of [
    ["small", small, /expected 8 × 8 heads.*got 4 × 4.*made for another model/is],
    ["other", other, /fingerprint.*made for another model/is],
  ] as const) {
    await drop(page, file(`${name}.safetensors`, writeMask(mask)));
    assert.match(await alertOf(page, `32-mask-${name}`), reason);
  }
});

test("a broken model file is told, and the model before it is back", async () => {
  const broken = join(folder, "broken");
  cpSync(join(ROOT, "models/demo/model"), broken, { recursive: true });
  writeFileSync(join(broken, "model.safetensors"), Buffer.alloc(4096, 7));
  const server = await serveFolder(broken);
  server.cors = true;
  await load(server.url);
  assert.match(await alertOf(page, "33-broken-model"), /The model could not be loaded.*safetensors/s);
  await server.stop();
  assert.is(await page.locator(".picker b").innerText(), "demo model");
  assert.is(await page.locator(".loading").count(), 0);
  const [first] = await answered(page);
  await page.locator(".clip", { hasText: "Speech 023" }).locator(".choose").click();
  await page.waitForFunction((was) => document.querySelector(".answer.done")?.textContent !== was, first);
  await answered(page);
});

test("examples that are not there: it is said, and nothing is called kept", async () => {
  const demo = readdirSync(site.folder).find((name) => name.startsWith("demo-"))!;
  rmSync(join(site.folder, demo, "data/gr.learn.jsonl"));
  await page.locator("#learn").getByRole("button", { name: "Learn" }).click();
  assert.match(await alertOf(page, "40-no-examples"), /Learning stopped.*404/s);
  assert.match(await page.locator(".lesson").innerText(), /Stopped, and nothing is kept of it/);
  assert.ok(await page.locator("#learn").getByRole("button", { name: "Learn" }).isEnabled());
});

test("an address that refuses other origins is told; one without Range works", async () => {
  const server = await serveFolder(join(ROOT, "models/demo/model"));
  await load(server.url);
  assert.match(await alertOf(page, "34-cors"), /The model could not be loaded.*(CORS|origin)/s);
  Object.assign(server, { cors: true, range: false });
  await load(server.url);
  await page.waitForFunction(() => document.querySelector(".picker b")?.textContent?.startsWith("localhost"));
  await answered(page);
  await server.stop();
});

test("a microphone that is refused is told; one that is allowed is heard at its own rate", async () => {
  await page.getByRole("button", { name: "Record" }).click();
  assert.match(await alertOf(page, "35-microphone-refused"), /The microphone was refused.*Allow it/s);
  await page.context().grantPermissions(["microphone"]);
  await page.getByRole("button", { name: "Record" }).click();
  await page.locator("meter").waitFor();
  await picture(page, "36-recording");
  await page.locator(".clip.chosen", { hasText: "Recording 1" }).waitFor(); // it stops by itself
  const [transcript] = await answered(page);
  assert.match(transcript!, /heat|bedroom|twenty/);
  await picture(page, "37-recorded");
});

test("in a hidden tab, where no frame is drawn, it goes on", async () => {
  await page.evaluate(() => {
    Object.assign(globalThis, { requestAnimationFrame: () => 0 });
    Object.defineProperty(document, "hidden", { value: true });
  });
  await page.locator(".clip", { hasText: "Speech 023" }).locator(".choose").click();
  await page.waitForFunction(
    (text) => document.querySelector(".answer")?.textContent === text,
    expected("speech-023", "instruction", "asr").text,
    { polling: 200 },
  );
});

test("two tabs answer at once", async () => {
  const other = await page.context().newPage();
  other.setDefaultTimeout(180_000);
  await other.goto(site.server.url);
  await other.locator(".clip").nth(1).waitFor();
  await page.reload();
  const texts = await Promise.all([answered(page), answered(other)]);
  assert.equal(texts[0], texts[1]);
  assert.is(await other.getByRole("alert").count(), 0);
  await other.close();
});

test("a device that is lost in the middle of an answer: it is said, and the answer is the same", async () => {
  await answered(page);
  await page.locator(".clip", { hasText: "Speech 037" }).locator(".choose").click();
  await page.waitForFunction(() => document.querySelector(".answer.coming"));
  await page.evaluate(() => new BroadcastChannel("lose").postMessage(""));
  await page.getByText("The GPU was lost and is back").waitFor();
  const [transcript] = await answered(page);
  assert.is(transcript, expected("speech-037", "instruction", "asr").text);
  await picture(page, "38-device-lost");
});

test("a browser that keeps nothing more: the model works all the same, and it is said", async () => {
  await page.context().close();
  const context = await site.browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(180_000);
  const session = await context.newCDPSession(page);
  const { origin } = new URL(site.server.url);
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1_000_000 });
  await page.goto(site.server.url);
  await page.getByText("The model was not kept for the next visit").waitFor();
  const [transcript] = await answered(page);
  assert.is(transcript, expected("speech-002", "instruction", "asr").text);
  await picture(page, "39-quota");
});

test.run();
