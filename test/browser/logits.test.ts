/** The same model on the same adapter in Node and in a page: the same logits. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openPages } from "../../scripts/browser-tests.ts";
import { adapterEnvironment } from "../../src/cli/adapter.ts";
import { locate } from "../fixtures-node.ts";

const FILE = "test/browser/files/logits.ts";
const TOLERANCE = 1e-5;

interface Logits {
  readonly adapter: string;
  readonly answers: Readonly<Record<string, number[][]>>; // [step][V]
}

function parse(output: string): Logits {
  const [line] = /^\{"adapter".*\}$/m.exec(output) ?? [];
  if (!line) throw new Error(`expected a line of logits, got ${output}`);
  return JSON.parse(line);
}

async function inNode(): Promise<Logits> {
  process.env.AHAMASK_ADAPTER = "swiftshader";
  const env = { ...process.env, ...(await adapterEnvironment()) };
  const args = ["--import", locate("scripts/register.js"), locate(FILE)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, maxBuffer: 2 ** 28 });
  return parse(stdout);
}

async function inPage(): Promise<Logits> {
  const pages = await openPages();
  try {
    return parse((await pages.run(FILE, 300)).output);
  } finally {
    await pages.close();
  }
}

test("logits of the demo model in Chromium and in Node on SwiftShader are the same", async () => {
  const node = await inNode();
  const page = await inPage();
  assert.match(page.adapter, /swiftshader/i);
  assert.match(node.adapter, /swiftshader/i);
  assert.equal(Object.keys(page.answers), Object.keys(node.answers));
  let largest = 0;
  let count = 0;
  for (const [name, steps] of Object.entries(node.answers)) {
    assert.is(page.answers[name]!.length, steps.length, `${name}: steps`);
    for (const [i, logits] of steps.entries())
      for (const [j, logit] of logits.entries()) {
        const difference = Math.abs(logit - page.answers[name]![i]![j]!);
        if (!(difference <= largest)) largest = difference;
        count++;
      }
  }
  console.log(`${count} logits, the largest difference is ${largest}`);
  assert.ok(count > 0 && largest <= TOLERANCE, `the largest difference of ${count} logits is ${largest}`);
});

test.run();
