import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";

test("Node exits by itself after dispose, and after an error", async () => {
  const register = fileURLToPath(new URL("../../scripts/register.js", import.meta.url));
  const child = fileURLToPath(new URL("exit-child.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", register, child], {
    timeout: 30_000,
  });
  assert.is(stdout.trim(), "2 devices, 3");
});

test.run();
