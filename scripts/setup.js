// Makes a checkout ready to run, with Node's own modules only: checks Node, installs the packages, builds dist.
// Does only what is out of date, and says each thing that it does in one line.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

const NODE = [20, 19]; // what the build tools need
const STAMP = join(ROOT, "dist/.built"); // its time is the start of the last build that succeeded
const SOURCES = ["src", "shaders", "package.json", "tsdown.config.ts"];

/** Ends the process with one line for a person; `status` is the exit code. */
function fail(message, status = 1) {
  console.error(`ahamask: ${message}`);
  process.exit(status);
}

/** Runs a command quietly; its output is shown only when it fails. */
function quietly(what, command, args, options = {}) {
  const start = performance.now();
  process.stderr.write(`${what} ... `);
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: "utf8",
    ...options,
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stderr.write(status === 0 ? `${seconds} s\n` : "failed\n");
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ""}${stderr ?? ""}`);
  fail(`${what}: ${error ? error.message : `exit code ${status}`}; see the output above`);
}

/** The time of the newest file at or below a path, in ms; 0 when there is none. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** At load, before anything that an older Node lacks is called: the scripts all import this file first. */
function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > NODE[0] || (major === NODE[0] && minor >= NODE[1])) return;
  fail(
    `expected Node ${NODE.join(".")} or newer, got ${process.versions.node}; install one from https://nodejs.org`,
  );
}

checkNode();

function install() {
  if (newest(join(ROOT, "node_modules/.package-lock.json")) >= newest(join(ROOT, "package-lock.json")))
    return;
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const cli = process.env.npm_execpath; // set under `npm run`
  if (cli?.endsWith("npm-cli.js")) quietly("Installing packages", process.execPath, [cli, ...args]);
  else quietly("Installing packages", "npm", args, { shell: process.platform === "win32" });
}

function build() {
  const start = new Date();
  if (newest(STAMP) >= Math.max(...SOURCES.map((path) => newest(join(ROOT, path))))) return;
  quietly("Building dist", process.execPath, [
    join(ROOT, "node_modules/tsdown/dist/run.mjs"),
    "--logLevel",
    "warn",
  ]);
  writeFileSync(STAMP, "");
  utimesSync(STAMP, start, start); // a source saved during the build is newer than it
}

/** Brings the checkout up to date. Ends the process with a message when it cannot. */
export function setup() {
  install();
  build();
}

if (existsSync(process.argv[1] ?? "") && import.meta.url === pathToFileURL(process.argv[1]).href) setup();
