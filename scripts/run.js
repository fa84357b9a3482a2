// Runs a TypeScript program of this repository on a machine as it comes: `node scripts/run.js examples/NAME.ts [arguments]`.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT, setup } from "./setup.js";

const REGISTER = pathToFileURL(join(ROOT, "scripts/register.js")).href;

/** The arguments with which Node runs a TypeScript file of the sources. */
export const typescript = (file, ...args) => ["--import", REGISTER, file, ...args];

/** This process's environment, with what it takes to find a WebGPU adapter; ends the process when there is none. */
export async function environment() {
  await import("./register.js");
  const { adapterEnvironment } = await import("../src/cli/adapter.ts");
  try {
    return { ...process.env, ...(await adapterEnvironment()) };
  } catch (error) {
    console.error(`ahamask: ${error.message}`);
    process.exit(1);
  }
}

/** Runs Node with these arguments as if in our place: same terminal, same exit code. */
export async function inOurPlace(args, env = process.env) {
  const child = spawn(process.execPath, args, { stdio: "inherit", env });
  process.on("SIGINT", () => {}); // a terminal sends it to the child as well, whose end is ours
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  const [code, signal] = await new Promise((resolve) => child.on("exit", (...end) => resolve(end)));
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [file, ...args] = process.argv.slice(2);
  if (!file) {
    console.error("usage: node scripts/run.js FILE.ts [arguments]");
    process.exit(2);
  }
  setup();
  await inOurPlace(typescript(file, ...args), await environment());
}
