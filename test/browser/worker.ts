/** Runs the test file that the address names, within a worker: its print-out goes to the page, then how it went. */
/// <reference types="vite/client" />
export {};

declare global {
  // How uvu runs groups of tests one after the other, as its own command does.
  var UVU_DEFER: number;
  var UVU_INDEX: number;
  var UVU_QUEUE: [string | null][];
}

const files = import.meta.glob(["/test/*/*.test.ts", "/test/browser/files/*.ts"]);
const file = new URL(location.href).searchParams.get("file");

let ok = true;
const print = (text: string) => postMessage({ print: text });

function fail(error: unknown): void {
  ok = false;
  print(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
}

/** Rejections that nobody hears are told late, but in order: this one ends them. */
const END = Symbol("end");
const unheard = new Promise<void>((resolve) =>
  addEventListener("unhandledrejection", ({ reason }) => (reason === END ? resolve() : fail(reason))),
);
addEventListener("error", ({ error, message }) => fail(error ?? message));

console.log = print; // uvu keeps it, and ends its lines by itself
globalThis.UVU_DEFER = 1;
const { exec } = await import("uvu");
for (const level of ["log", "info", "warn", "error"] as const)
  console[level] = (...parts: unknown[]) => print(`${parts.join(" ")}\n`);

try {
  globalThis.UVU_QUEUE.push([null]);
  globalThis.UVU_INDEX = 0;
  const load = files[`/${file}`];
  if (!load) throw new Error(`expected a test file, got ${file}`);
  await load();
  await exec();
  void Promise.reject(END);
  await unheard;
} catch (error) {
  fail(error);
}
postMessage({ ok });
