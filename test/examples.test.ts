import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";

const run = promisify(execFile);
const folder = new URL("../examples/", import.meta.url);

/** What each example must print; every program in examples/ has a row. */
const EXPECTED: Record<string, RegExp> = {
  "transcribe.ts": /"transcribe the speech":\nwhere is the white radio\n/,
  "steer.ts": /s2tt +schalte das rote licht im flur an .*\ngr +male .*\nser +neutral/,
  "flip-a-head.ts":
    /"male" has logit \d+\.\d+ under the whole mask\n(without layer \d head \d: -?\d\.\d+\n){5}/,
  "own-kernel.ts": /sum 1\.0000\n$/,
  "soft-prompt.ts": /step 1: loss 2\.7\d\d\n(step \d: loss 2\.\d+\n){6}step 8: loss 2\.[0-3]\d\d\n$/,
  "custom-model.ts": /(\w+-\d+ sounds most like \w+-\d+ \(0\.\d+\)\n){7}/,
};

test("every example has a row here and fits on a screen", () => {
  const files = readdirSync(folder).filter((file) => file.endsWith(".ts"));
  assert.equal(files.sort(), Object.keys(EXPECTED).sort());
  for (const file of files) {
    const lines = readFileSync(new URL(file, folder), "utf8").split("\n").length - 1;
    assert.ok(lines < 60, `${file} has ${lines} lines`);
  }
});

for (const [file, expected] of Object.entries(EXPECTED)) {
  test(`${file} runs on the built package and says what it should`, async () => {
    const path = fileURLToPath(new URL(file, folder));
    const { stdout } = await run(process.execPath, ["--import", "./scripts/register.js", path]);
    assert.match(stdout, expected);
  });
}

test.run();
