import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { answered, drop, openPageSite, type PageSite, picture, ROOT } from "./page-site.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const test = suite("page: access");
let site: PageSite;

test.before(async () => {
  site = await openPageSite();
});
test.after(() => site.close());

/** What axe finds that is serious or critical, as `rule: element`. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`));
}

const overflow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

test("axe finds nothing serious, in light and dark, at a desk and on a phone; nothing is wider than 360 px", async () => {
  const page = await site.open();
  await answered(page);
  await page.waitForFunction(() => document.querySelectorAll(".clip .mel").length === 5);
  await page.locator(".kept summary").click();
  for (const colorScheme of ["light", "dark"] as const)
    for (const width of [1280, 390]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" }); // no colour on its way to another
      await page.setViewportSize({ width, height: 900 });
      for (const colouring of ["logit", "overlap", "on, off"]) {
        await page.locator(".segments span", { hasText: colouring }).click();
        assert.equal(await faults(page), [], `${colorScheme} ${width} ${colouring}`);
      }
      await picture(page, `20-${colorScheme}-${width}`);
    }
  await page.locator(".segments span", { hasText: "effect" }).click();
  await page.getByRole("button", { name: "Measure effects" }).click();
  await page.getByRole("button", { name: "Measure again" }).waitFor();
  await drop(page, join(ROOT, "package.json")); // which is no sound
  await page.getByRole("alert").waitFor();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" }); // no colour on its way to another
    assert.equal(await faults(page), [], `${colorScheme}, with effects and an alert`);
  }
  await picture(page, "20-effects-and-alert");
  await page.setViewportSize({ width: 360, height: 780 });
  assert.is(await overflow(page), 0);
  await page.locator(".picker summary").click();
  assert.is(await overflow(page), 0);
  assert.equal(await faults(page), []);
  await picture(page, "21-picker-360");
  await page.context().close();
});

const BROWSERS = {
  firefox: ["Mozilla/5.0 (X11; Linux x64; rv:140.0) Gecko/20100101 Firefox/140.0", /Firefox/],
  safari: [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
    /Safari/,
  ],
  chrome: [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/110.0.0.0 Safari/537.36",
    /chrome/i,
  ],
} as const;

test("without WebGPU the page says what to do, by browser, and still explains itself", async () => {
  const before = "Object.defineProperty(navigator, 'gpu', { value: undefined })";
  site.server.workerPrefix = before;
  for (const [name, [userAgent, advice]] of Object.entries(BROWSERS)) {
    const page = await site.open({ userAgent, ...(name === "chrome" ? {} : { before }) });
    const alert = page.getByRole("alert");
    await alert.waitFor();
    assert.match(await alert.innerText(), advice, `${name}: ${await alert.innerText()}`);
    assert.match(await page.locator("body").innerText(), /What this is/);
    assert.equal(await faults(page), []);
    await picture(page, `22-no-webgpu-${name}`);
    await page.context().close();
  }
  site.server.workerPrefix = "";
});

test.run();
