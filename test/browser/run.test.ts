/** However a file ends in a page, it counts as it would in Node. */
import { stripVTControlCharacters } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openPages, type Pages } from "../../scripts/browser-tests.ts";
import { tally } from "../../scripts/tally.ts";
import { launchChromium } from "./chromium.ts";

let pages: Pages;
test.before(async () => {
  pages = await openPages();
});
test.after(() => pages.close());

for (const [name, passed, failed, pattern] of [
  ["passes", 1, 0, /Passed: +1/],
  ["fails", 1, 1, /FAIL.*"fails"/],
  ["throws", 0, 1, /Error: at import/],
  ["empty", 0, 1, /Total: +0/],
  ["rejects", 1, 1, /Error: unheard/],
  ["hangs", 0, 1, /on my way/],
  ["nowhere", 0, 1, /nowhere/],
] as const)
  test(`a file that ${name}`, async () => {
    const { output, ok, end } = await pages.run(`test/browser/files/${name}.ts`, 10);
    assert.equal(tally(output, ok), { passed, failed });
    assert.match(stripVTControlCharacters(output), pattern);
    assert.is(end, name === "hangs" ? "hung: ended after 10 s" : "");
  });

test("no browser, or one that does not start: one line, with the remedy", async () => {
  for (const [path, message] of [
    [
      "/nowhere",
      /^AHAMASK_CHROMIUM: expected the path of a Chromium, got '\/nowhere', where nothing is; .+$/,
    ],
    [
      "/bin/false",
      /^chromium: expected \/bin\/false to start, got: .+; set AHAMASK_CHROMIUM to one that does$/,
    ],
  ] as const) {
    process.env.AHAMASK_CHROMIUM = path;
    const error = await launchChromium().catch((error: Error) => error);
    delete process.env.AHAMASK_CHROMIUM;
    assert.instance(error, Error);
    assert.match((error as Error).message, message);
  }
});

test.run();
