import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { NoAdapterError } from "../gpu/errors.ts";

/** A Chromium for Linux x64 in an npm package, of which parts are fetched on machines that lack them. */
const SPEC = "@sparticuz/chromium@153.0.0";
const INTEGRITY =
  "sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==";

/** What is taken out of the package, into a folder of its own. */
export interface Part {
  /** Names its folder; errors begin with it. */
  readonly name: string;
  /** What it is, for the line that says that it is being fetched. */
  readonly title: string;
  /** What a user does who cannot have it from here. */
  readonly instead: string;
  /** Free space that fetching and unpacking takes, in MB. */
  readonly space: number;
  /** The part's files by their paths in the folder, out of the members of the package's `bin`. */
  files(bin: (member: string) => Buffer): Map<string, Buffer>;
}

/** The folder for what can be fetched again; on every platform `XDG_CACHE_HOME` moves it. */
export function cacheFolder(): string {
  const chosen = process.env.XDG_CACHE_HOME;
  if (chosen && isAbsolute(chosen)) return join(chosen, "ahamask");
  if (process.platform === "win32")
    return join(process.env.LOCALAPPDATA ?? join(homedir(), "AppData/Local"), "ahamask");
  if (process.platform === "darwin") return join(homedir(), "Library/Caches/ahamask");
  return join(homedir(), ".cache/ahamask");
}

/** The folder of a part's files, fetched on first use. Throws NoAdapterError with a remedy. */
export async function fetchPart(part: Part): Promise<string> {
  const folder = join(cacheFolder(), `${part.name}-${SPEC.slice(SPEC.lastIndexOf("@") + 1)}`);
  if (existsSync(folder)) return folder;
  const done = announce(`Fetching ${part.title} (70 MB, once)`);
  try {
    await install(part, folder, (into) => download(part, into), INTEGRITY);
    done(`into ${folder}`);
  } catch (error) {
    done("failed");
    throw error;
  }
  return folder;
}

/**
 * Downloads, checks and unpacks into `folder`, which appears complete or not at all: everything happens in a
 * temporary folder beside it, and the last step is a rename. Of two processes at once the first to finish wins.
 *
 * @param download puts the package's tarball into the folder it is given and returns its path
 * @param integrity what the tarball must hash to, as npm writes it: `sha512-<base64>`
 */
export async function install(
  part: Part,
  folder: string,
  download: (into: string) => Promise<string>,
  integrity: string,
): Promise<void> {
  let temporary: string | undefined;
  try {
    mkdirSync(dirname(folder), { recursive: true });
    sweep(folder);
    temporary = mkdtempSync(`${folder}.tmp-`);
    const unpacked = join(temporary, basename(folder));
    for (const [path, bytes] of partFiles(part, readFileSync(await download(temporary)), integrity)) {
      mkdirSync(dirname(join(unpacked, path)), { recursive: true });
      writeFileSync(join(unpacked, path), bytes, { mode: 0o755 });
    }
    renameSync(unpacked, folder);
  } catch (error) {
    if (!existsSync(folder)) throw inWords(part, error, folder);
  } finally {
    if (temporary) rmSync(temporary, { recursive: true, force: true });
  }
}

/** Removes what a killed process left behind: temporary folders of over an hour ago. */
function sweep(folder: string): void {
  for (const name of readdirSync(dirname(folder))) {
    const path = join(dirname(folder), name);
    if (path.startsWith(`${folder}.tmp-`) && Date.now() - statSync(path).mtimeMs > 3_600_000) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

/** The part's files out of the package's tarball. */
function partFiles(part: Part, tarball: Buffer, integrity: string): Map<string, Buffer> {
  const got = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  if (got !== integrity) {
    throw new NoAdapterError(
      `${part.name}: expected ${SPEC} with integrity ${integrity}, got ${got}; ` +
        "the registry served something else: check `npm config get registry`",
    );
  }
  const members = untar(gunzipSync(tarball));
  return part.files((member) => {
    const packed = members.get(`package/bin/${member}`);
    if (!packed) throw new Error(`internal: ${SPEC} lacks bin/${member}`);
    return brotliDecompressSync(packed);
  });
}

/** The plain files of a tar archive (POSIX ustar: 512-byte headers, contents padded to 512 bytes), by name. */
export function untar(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const text = (from: number, length: number) =>
    archive.toString("latin1", from, from + length).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    if (!(size >= 0) || at + 512 + size > archive.length) throw new Error("internal: damaged tar archive");
    const prefix = text(at + 345, 155);
    const name = (prefix ? `${prefix}/` : "") + text(at, 100);
    const type = archive[at + 156];
    if (type === 0 || type === 0x30)
      files.set(name.replace(/^\.\//, ""), archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/** Has the user's npm, with the user's registry settings, download the package. A signal stops it first, then us. */
async function download(part: Part, into: string): Promise<string> {
  let stopped: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals) => {
    stopped = signal;
    child.kill(signal);
  };
  process.on("SIGINT", stop).on("SIGTERM", stop); // before there is anything to be left behind
  const child = spawn("npm", ["pack", SPEC, "--prefer-offline", "--no-update-notifier"], {
    cwd: into,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let name = "";
  let errors = "";
  child.stdout.on("data", (chunk) => (name += chunk));
  child.stderr.on("data", (chunk) => (errors += chunk));
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  ).finally(() => process.off("SIGINT", stop).off("SIGTERM", stop));
  if (stopped) {
    rmSync(into, { recursive: true, force: true });
    process.kill(process.pid, stopped);
  }
  if (code !== 0) {
    const reason =
      errors.match(/^npm (?:error|ERR!) (?!code|errno|syscall|A complete log)(.+)$/m)?.[1] ??
      `exit code ${code}`;
    throw new NoAdapterError(
      `${part.name}: expected npm to download ${SPEC}, got: ${reason}; ${errors.includes("ENOSPC") ? freeSpace(part) : `check the network, or ${part.instead}`}`,
    );
  }
  return join(into, name.trim().split("\n").at(-1) as string);
}

const freeSpace = ({ space }: Part) =>
  `free ${space} MB there, or set XDG_CACHE_HOME to a folder on another disk`;

/** A file system's error as one line that says what to do. */
function inWords(part: Part, error: unknown, folder: string): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === undefined || error instanceof NoAdapterError) return error;
  if (code === "ENOENT" && path === "npm") {
    return new NoAdapterError(
      `${part.name}: expected npm on the PATH to download it, got none; check the PATH, or ${part.instead}`,
    );
  }
  const full = code === "ENOSPC" || code === "EFBIG" || code === "EDQUOT";
  const [got, remedy] = full
    ? [`a full disk (${code})`, freeSpace(part)]
    : [(error as Error).message, "set XDG_CACHE_HOME to a folder that can be written"];
  return new NoAdapterError(`${part.name}: expected to write ${folder}, got ${got}; ${remedy}`);
}

/** Says on stderr what is going on, with the seconds counting up on a terminal; the result ends the line. */
function announce(what: string): (end: string) => void {
  const start = performance.now();
  const seconds = () => Math.floor((performance.now() - start) / 1000);
  process.stderr.write(`${what} ... `);
  const ticker = process.stderr.isTTY
    ? setInterval(() => process.stderr.write(`\r${what} ... ${seconds()} s `), 1000)
    : undefined;
  return (end) => {
    clearInterval(ticker);
    process.stderr.write(`${end}\n`);
  };
}
