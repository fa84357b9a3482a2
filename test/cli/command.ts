/** The command as the tests run it: in a process of its own from the sources, or within this one where no GPU is used. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ahamask } from "../../src/cli/program.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const REGISTER = new URL("../../scripts/register.js", import.meta.url).href;
const MAIN = join(ROOT, "src/cli/main.ts");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Process {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
}

/** Starts `ahamask …` in the repository's root; `onText` hears each piece of stdout. */
export function start(
  args: readonly string[],
  onText: (child: ChildProcess, text: string) => void = () => {},
  nodeArgs: readonly string[] = [],
): Process {
  const command = ["--import", REGISTER, ...nodeArgs, MAIN, ...args];
  const child = spawn(process.execPath, command, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    onText(child, text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on("error", reject).on("close", (code) => resolve({ code, stdout, stderr }));
  });
  return { child, outcome };
}

/** What `ahamask …` comes to in a process of its own. */
export const command = (...args: string[]): Promise<Outcome> => start(args).outcome;

/** The same within this process: quicker, for what ends before a GPU is needed. */
export async function here(...args: string[]): Promise<Outcome> {
  const streams = ["stdout", "stderr"] as const;
  const text = { stdout: "", stderr: "" };
  const original = streams.map((name) => process[name].write);
  for (const name of streams) {
    process[name].write = ((piece: string) => {
      text[name] += piece;
      return true;
    }) as typeof process.stdout.write;
  }
  try {
    await ahamask(args);
    return { code: Number(process.exitCode ?? 0), ...text };
  } finally {
    process.exitCode = undefined;
    for (const [i, name] of streams.entries()) process[name].write = original[i]!;
  }
}

/** Our own lines of stderr: Dawn adds warnings about some drivers. */
export const ours = ({ stderr }: Outcome): string[] =>
  stderr.split("\n").filter((line) => line && !line.startsWith("Warning: "));

/** A folder for a test's files, gone when it ends. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ahamask-test-"));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const clipPath = (clip: string): string => `models/demo/clips/eval/${clip}.flac`;
