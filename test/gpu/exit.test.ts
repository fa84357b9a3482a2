import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** What a script beside this one prints, in a process of its own. */
async function printed(script: string, ...nodeArgs: string[]): Promise<string> {
  const register = fileURLToPath(new URL("../../scripts/register.js", import.meta.url));
  const child = fileURLToPath(new URL(script, import.meta.url));
  const args = [...nodeArgs, "--import", register, child];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
  return stdout.trim();
}

test("Node exits by itself after dispose, and after an error", async () => {
  assert.is(await printed("exit-child.ts"), "2 devices, 3");
});

test("a disposed device is garbage", async () => {
  assert.is(await printed("collected-child.ts", "--expose-gc"), "collected");
});

test.run();
