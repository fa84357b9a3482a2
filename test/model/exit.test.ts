import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { within } from "../gpu/helpers.ts";

test("Node exits by itself after a model's life", async () => {
  const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  const register = new URL("../../scripts/register.js", import.meta.url).href;
  const child = spawn(process.execPath, ["--import", register, path("exit-child.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (data) => {
    printed += data;
  });
  const exit = new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)));
  try {
    assert.is(await within(60, exit), 0);
  } finally {
    child.kill("SIGKILL");
  }
  assert.is.not(printed.trim(), "");
});

test.run();
