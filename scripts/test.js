// `npm test [-- filter] [--adapter gpu|lavapipe|swiftshader] [--browser] [--tests-only]`: makes the checkout ready, then
// type-checks, lints and runs every test file in a process of its own, as many at once as there are cores, but the one
// that measures times alone; with --browser, those that a page can run in pages of Chromium, and those that drive it too.
// A filter picks the test files whose path contains it, and leaves out the checks. The last line is `N passed, N failed`.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import os from "node:os";
import { join, relative } from "node:path";
import util from "node:util";
import { environment, typescript } from "./run.js";
import { ROOT, setup } from "./setup.js";

const LIMIT = 900; // seconds; longer is a hang

/**
 * Functions are optimised on the main thread. In Node 20 a thread that optimises may wait for the main thread to collect
 * garbage while that, its event loop empty for a moment, waits for the optimiser: both for ever (docs/log.md).
 */
const ALONE = "--no-concurrent-recompilation";

const { values: options, positionals: filters } = commandLine();

function commandLine() {
  try {
    return util.parseArgs({
      allowPositionals: true,
      options: {
        adapter: { type: "string" },
        browser: { type: "boolean" },
        "tests-only": { type: "boolean" },
      },
    });
  } catch (error) {
    console.error(
      `${error.message.split(". ")[0]}; usage: npm test -- [filter] [--adapter NAME] [--browser] [--tests-only]`,
    );
    process.exit(2);
  }
}

/** Heavy, and the same on every adapter: a whole run on SwiftShader leaves it out. */
const ONCE = [
  "test/cli/convert-kill.test.ts",
  "test/cli/learn-kill.test.ts",
  "test/cli/learn.test.ts",
  "test/examples.test.ts",
  "test/experiments/experiments.test.ts",
];

/** These run in Node and drive a browser. */
const drivesBrowser = (path) => /^test\/(browser|web)\//.test(path);

/** Every test file that the filters let through, as paths from the root. */
function testFiles() {
  return readdirSync(join(ROOT, "test"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)).replaceAll("\\", "/"))
    .filter((path) => filters.length > 0 || options.adapter !== "swiftshader" || !ONCE.includes(path))
    .filter((path) => browser || !drivesBrowser(path))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort();
}

/** A check passes or fails as a whole. */
const verdict = (_output, ok) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1 });

function tasks() {
  const tests = testFiles().map((name) =>
    browser?.runsInPage(name)
      ? { name, run: () => pages.run(name, LIMIT), count: tally }
      : { name, run: () => inProcess([ALONE, ...typescript(join(ROOT, name))]), count: tally },
  );
  if (filters.length || options["tests-only"]) return tests;
  const tool = (path) => join(ROOT, "node_modules", path);
  const lint = [tool("@biomejs/biome/bin/biome"), "ci", "--error-on-warnings", "."];
  return [
    { name: "types (tsc)", run: () => inProcess([tool("typescript/bin/tsc"), "-p", "."]), count: verdict },
    { name: "lint (biome)", run: () => inProcess(lint), count: verdict },
    ...tests,
  ];
}

const running = new Set();

/** Ends a process and all that it started. */
function end(child) {
  try {
    if (process.platform === "win32") spawn("taskkill", ["/pid", `${child.pid}`, "/t", "/f"]);
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // already gone
  }
}

/** Runs Node with these arguments: what it printed, whether it went well, and how it ended if not. */
async function inProcess(args) {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env,
    detached: process.platform !== "win32", // a process group, so that `end` reaches all of it
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (output += text));
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    end(child);
  }, LIMIT * 1000);
  const code = await new Promise((resolve) =>
    child.on("close", (status, signal) => resolve(status ?? signal)),
  );
  clearTimeout(timer);
  running.delete(child);
  const ok = code === 0;
  return { output, ok, end: hung ? `hung: ended after ${LIMIT} s` : ok ? "" : `exit ${code}` };
}

/** Runs one task and prints its line, with its output when it failed. */
async function perform({ name, run, count }) {
  const start = performance.now();
  const { output, ok, end } = await run();
  const { passed, failed } = count(output, ok);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const numbers = count === tally ? `${passed} passed${failed ? `, ${failed} failed` : ""}` : "";
  console.log(
    `${failed ? "FAIL" : "ok  "} ${name.padEnd(44)} ${seconds.padStart(6)} s  ${numbers}  ${end}`.trimEnd(),
  );
  if (failed) console.log(output.trimEnd().replace(/^/gm, "    "));
  return { passed, failed };
}

process.on("exit", () => running.forEach(end));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

setup();
if (options.adapter) process.env.AHAMASK_ADAPTER = options.adapter;
const env = await environment();
const { tally } = await import("./tally.ts");
const browser = options.browser ? await import("./browser-tests.ts") : undefined;
const queue = tasks();
const timed = queue.filter(({ name }) => name === "test/bench.test.ts"); // measures: nothing else runs beside it
const total = { passed: 0, failed: 0 };
if (queue.length === 0) {
  console.log(`no test file${browser ? " for a browser" : ""} has ${filters.join(" or ")} in its path`);
  total.failed = 1;
}
async function worker(tasks) {
  for (let task = tasks.shift(); task; task = tasks.shift()) {
    const { passed, failed } = await perform(task);
    total.passed += passed;
    total.failed += failed;
  }
}
const parallel = queue.filter((task) => !timed.includes(task));
const pages = await browser?.openPages().catch((error) => {
  console.log(`FAIL ${error.message}`);
  total.failed += parallel.splice(0).length;
});
await worker(timed);
await Promise.all(Array.from({ length: os.availableParallelism() }, () => worker(parallel)));
await pages?.close();
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed ? 1 : 0;
