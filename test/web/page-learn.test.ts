import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectNoLongTask } from "./main-thread.ts";
import { answered, openPageSite, type PageSite, picture } from "./page-site.ts";

const test = suite("page: learning");
let site: PageSite;

test.before(async () => {
  site = await openPageSite();
});
test.after(() => site.close());

test("a mask is learned, paused, and gone on with after a reload; it becomes a condition", async () => {
  const page = await site.open();
  await answered(page);
  const panel = page.locator("#learn");
  await panel.getByLabel("What").selectOption("aac");
  await panel.getByLabel("Steps").fill("20");
  await panel.getByLabel("Batch").fill("2");
  await panel.getByRole("button", { name: "Learn" }).click();
  await page.waitForFunction(() => /step ([6-9]|1\d) of 20/.test(document.body.innerText));
  await picture(page, "10-learning");
  await page.reload(); // in the middle of a step
  await answered(page);
  const offer = panel.locator(".offer");
  await offer.waitFor();
  await picture(page, "11-offered");
  const kept = Number(/step (\d+) of 20/.exec(await offer.innerText())?.[1]);
  await offer.getByRole("button", { name: "Go on" }).click();
  await page.waitForFunction((n) => new RegExp(`step ${n} of 20`).test(document.body.innerText), kept + 2);
  await panel.getByRole("button", { name: "Pause" }).click();
  await panel.getByText("Paused, and kept on this machine").waitFor();
  const [, paused] = /step (\d+) of 20/.exec(await panel.locator(".lesson").innerText()) ?? [];
  const dots = (await panel.locator(".curve .raw").getAttribute("d"))?.match(/M/g);
  assert.is(dots?.length, Number(paused), "the losses before the reload are drawn, too");
  await picture(page, "12-paused");
  await panel.getByRole("button", { name: "Go on" }).click();
  await panel.getByText("Learned: the mask is among the answers now").waitFor();
  await answered(page, 5);
  assert.match(await page.locator(".card").last().innerText(), /learned: describe the sound/);
  assert.match(await panel.locator(".lesson").innerText(), /step 20 of 20/);
  await picture(page, "13-learned");
  await page.context().close();
});

test("one's own sounds are learned from, with answers that were typed", async () => {
  const page = await site.open();
  await answered(page);
  const panel = page.locator("#learn");
  await panel.getByLabel("What").selectOption({ label: "the sounds in my list, with my answers" });
  assert.ok(await panel.getByRole("button", { name: "Learn" }).isDisabled());
  await panel.getByLabel("Speech 002").fill("hello");
  await panel.getByLabel("Speech 023").fill("world");
  await panel.getByLabel("Steps").fill("2");
  await panel.getByLabel("Batch").fill("2");
  await expectNoLongTask(site.browser, page, async () => {
    await panel.getByRole("button", { name: "Learn" }).click();
    await panel.getByText("Learned: the mask is among the answers now").waitFor();
  });
  await page.context().close();
});

test.run();
