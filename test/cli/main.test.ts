import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { explain } from "../../src/cli/errors.ts";
import { megabytes, printable, wrap } from "../../src/cli/terminal.ts";
import { MaskError } from "../../src/mask/head-mask.ts";
import { here, ROOT, start } from "./command.ts";

test("--help names the commands, gives examples and lists the exit codes, in 80 columns", async () => {
  for (const args of [["--help"], ["run", "--help"], ["inspect", "--help"], ["demo", "--help"]]) {
    const { code, stdout, stderr } = await here(...args);
    assert.is(code, 0);
    assert.is(stderr, "");
    assert.match(stdout, /Exit codes: 0 fine, 1 .*2 bad usage/s);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, `${line.length} columns: ${line}`);
  }
  const { stdout } = await here("--help");
  for (const name of ["run", "inspect", "demo", "doctor"])
    assert.match(stdout, new RegExp(`^  ${name}\\b`, "m"));
  assert.match(stdout, /Examples:\n {2}ahamask demo/);
});

test("--version is package.json's", async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  assert.equal(await here("--version"), { code: 0, stdout: `${version}\n`, stderr: "" });
});

test("bad usage exits with 2 and says why", async () => {
  for (const [args, message] of [
    [["rn"], /^ahamask: unknown command 'rn'\n\(Did you mean run\?\)\n$/],
    [["inspect"], /^ahamask: missing required argument 'path'\n$/],
    [["inspect", "a", "b"], /^ahamask: too many arguments/],
    [["demo", "--clips", "0"], /^ahamask: option '--clips <n>' argument '0' is invalid. Expected a whole/],
    [["demo", "--clip", "1"], /^ahamask: unknown option '--clip'\n/],
  ] as const) {
    const { code, stdout, stderr } = await here(...args);
    assert.is(code, 2);
    assert.is(stdout, "");
    assert.match(stderr, message);
  }
});

test("a closed pipe is no failure", async () => {
  const { child, outcome } = start(["inspect", "models/demo/model/model.safetensors"]);
  child.stdout!.destroy();
  const { code, stderr } = await outcome;
  assert.is(code, 0);
  assert.is(stderr, "");
});

test("typed errors are told as they are, others as bugs", () => {
  assert.is(explain(new MaskError("mask: expected this, got that")), "mask: expected this, got that");
  assert.match(explain(new TypeError("x is undefined")), /^internal: x is undefined; set AHAMASK_DEBUG=1/);
  assert.match(explain(new Error("internal: no such row")), /^internal: no such row; set/);
  process.env.AHAMASK_DEBUG = "1";
  try {
    assert.match(explain(new MaskError("mask: wrong")), /mask: wrong\n +at .*main\.test\.ts/);
  } finally {
    delete process.env.AHAMASK_DEBUG;
  }
});

test("text is wrapped at spaces, and cannot steer the terminal", () => {
  assert.equal(wrap("set the heat to twenty", 8), ["set the", "heat to", "twenty"]);
  assert.equal(wrap("schlafzimmer", 5), ["schlafzimmer"]);
  assert.is(printable("a\u001b[2Jb\rc\nd\te"), "a\ufffd[2Jb\ufffdc\nd\te");
});

test("bytes are given in decimal units", () => {
  assert.equal([8, 999, 1500, 6_194_304, 1.5e10].map(megabytes), [
    "8 B",
    "999 B",
    "1.5 kB",
    "6.2 MB",
    "15.0 GB",
  ]);
});

test.run();
