import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { globals } from "webgpu";
import { openGpu } from "../../src/gpu/index.ts";

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

test("devices come from one Dawn, which so outlives them all", async () => {
  const { prototype } = (globals as unknown as { GPU: { prototype: GPU } }).GPU;
  const { requestAdapter } = prototype;
  const asked = new Set<GPU>();
  prototype.requestAdapter = function (this: GPU, ...args) {
    asked.add(this);
    return requestAdapter.apply(this, args);
  };
  (await openGpu()).dispose();
  (await openGpu()).dispose();
  prototype.requestAdapter = requestAdapter;
  assert.is(asked.size, 1);
});

test.run();
