import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { NoAdapterError } from "../gpu/errors.ts";
import { swiftShader } from "./software-adapter.ts";

/**
 * Which adapter this machine has: a real GPU; else the system's software Vulkan; else SwiftShader, fetched.
 *
 * A driver is chosen by environment variables that the Vulkan loader reads when the process starts, so choosing one
 * means starting the process again. `AHAMASK_ADAPTER` (gpu, lavapipe or swiftshader) forces the choice.
 */
export type Environment = Record<string, string>;

/** The environment in which Dawn finds an adapter; empty when this process has it already. */
export async function adapterEnvironment(): Promise<Environment> {
  const forced = process.env.AHAMASK_ADAPTER;
  switch (forced) {
    case undefined:
    case "":
      return !canFallBack || probe() ? {} : swiftShaderEnvironment();
    case "gpu": {
      const found = probe();
      if (found && !found.software) return {};
      throw new NoAdapterError(
        `AHAMASK_ADAPTER=gpu: expected a GPU, got ${found?.description ?? "none"}; unset it, or see \`npx ahamask doctor\``,
      );
    }
    case "lavapipe":
      return lavapipeEnvironment();
    case "swiftshader":
      return swiftShaderEnvironment();
    default:
      throw new NoAdapterError(`AHAMASK_ADAPTER: expected gpu, lavapipe or swiftshader, got "${forced}"`);
  }
}

/**
 * Call before the first use of a GPU: returns when this process can have an adapter, else carries on in one that can.
 *
 * @returns the variables that it took; empty when nothing had to be set
 */
export async function ensureAdapter(): Promise<Environment> {
  const environment = await adapterEnvironment();
  if (Object.entries(environment).every(([name, value]) => process.env[name] === value)) return environment;
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: "inherit",
    env: { ...process.env, ...environment },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // A terminal sends Ctrl-C to both processes; a second one would read as "stop at once".
    process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY) || child.kill(signal));
  }
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) =>
    child.on("error", reject).on("exit", (...end) => resolve(end)),
  );
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
  process.exit(code ?? 1);
}

/** SwiftShader is published for this platform only. */
const canFallBack = process.platform === "linux" && process.arch === "x64";

async function swiftShaderEnvironment(): Promise<Environment> {
  if (!canFallBack) {
    throw new NoAdapterError(
      `swiftshader: expected Linux x64, got ${process.platform} ${process.arch}; ` +
        "install a Vulkan driver instead (`npx ahamask doctor` says how)",
    );
  }
  const folder = await swiftShader();
  const libraries = (process.env.LD_LIBRARY_PATH ?? "").split(":").filter((path) => path && path !== folder);
  return {
    AHAMASK_ADAPTER: "swiftshader",
    ...driver(join(folder, "vk_swiftshader_icd.json")),
    LD_LIBRARY_PATH: [folder, ...libraries].join(":"),
  };
}

function lavapipeEnvironment(): Environment {
  const files = ["/usr/local/share", "/usr/share", "/etc"]
    .map((root) => join(root, "vulkan/icd.d"))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => /lvp_icd[^/]*\.json$/.test(path));
  if (files.length) return { AHAMASK_ADAPTER: "lavapipe", ...driver(files.join(":")) };
  throw new NoAdapterError(
    "lavapipe: expected Mesa's software Vulkan driver on this machine, got none; " +
      "install mesa-vulkan-drivers (`npx ahamask doctor` says how)",
  );
}

/** Both names of the variable: older loaders know only the first, newer ones prefer the second. */
const driver = (path: string): Environment => ({ VK_ICD_FILENAMES: path, VK_DRIVER_FILES: path });

interface Probe {
  readonly description: string;
  readonly software: boolean;
}

/** Asks Dawn in a short process of its own: its warnings stay unseen, and a driver that crashes takes nothing along. */
function probe(): Probe | undefined {
  const code = `
    const { create } = await import(process.argv[1]);
    const adapter = await create([]).requestAdapter({ powerPreference: "high-performance" });
    if (adapter) {
      const { description, isFallbackAdapter } = adapter.info;
      console.log(JSON.stringify({ description, software: isFallbackAdapter }));
    }`;
  const args = ["--input-type=module", "-e", code, import.meta.resolve("webgpu")];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 30_000 });
  if (status === 0) return stdout ? (JSON.parse(stdout) as Probe) : undefined;
  if (status === null) return undefined; // the driver crashed or hung
  const reason = stderr.match(/^\w*Error: (.+)$/m)?.[1] ?? `exit code ${status}`;
  throw new NoAdapterError(
    `adapter: expected Dawn (npm package webgpu) to load, got: ${reason}; it is built for ` +
      "Linux with glibc 2.34 or newer (not Alpine), macOS and Windows, on x64 and arm64",
  );
}
