import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adapterEnvironment } from "../../src/cli/adapter.ts";
import { cacheFolder, install, untar } from "../../src/cli/chromium-package.ts";
import { SWIFTSHADER, swiftShader } from "../../src/cli/software-adapter.ts";

const FILES = {
  "libvk_swiftshader.so": "driver".repeat(2000),
  "libvulkan.so.1": "loader",
  "vk_swiftshader_icd.json": "{}",
};
const REGISTER = new URL("../../scripts/register.js", import.meta.url).href;
const SOURCE = new URL("../../src/cli/", import.meta.url).href;

/** A tar archive of these files, as POSIX ustar lays it out. */
function tar(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, content] of Object.entries(files)) {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0, "latin1");
    header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124, "latin1");
    header.write("0", 156, "latin1");
    parts.push(header, body, Buffer.alloc(-body.length & 511));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

const TARBALL = gzipSync(
  tar({ "package/package.json": "{}", "package/bin/swiftshader.tar.br": brotliCompressSync(tar(FILES)) }),
);
const INTEGRITY = `sha512-${createHash("sha512").update(TARBALL).digest("base64")}`;

/** A stand-in for the registry: writes the small tarball above. */
const download = async (into: string) => {
  writeFileSync(join(into, "it.tgz"), TARBALL);
  return join(into, "it.tgz");
};

async function message(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "no error",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

interface Context {
  root: string;
}

/** A suite whose tests each get an empty folder, and the environment put back as it was. */
function inFolder(name: string) {
  const env = { ...process.env };
  const test = suite<Context>(name);
  test.before.each((context) => {
    context.root = mkdtempSync(join(tmpdir(), "ahamask-adapter-"));
    process.env.XDG_CACHE_HOME = context.root;
  });
  test.after.each((context) => {
    rmSync(context.root, { recursive: true, force: true });
    process.env = { ...env };
  });
  return test;
}

/** A program in a process of its own. */
function start(code: string, env: NodeJS.ProcessEnv, command = [process.execPath]): ChildProcess {
  const args = [...command.slice(1), "--import", REGISTER, "--input-type=module", "-e", code];
  return spawn(command[0] as string, args, { env, stdio: ["ignore", "pipe", "pipe"] });
}

async function ending(child: ChildProcess) {
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk) => (out += chunk));
  child.stderr?.on("data", (chunk) => (err += chunk));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.on("close", (...end) => resolve(end)),
  );
  return { code, signal, out, err };
}

/** Puts a program called `npm` into the folder; the PATH that finds it first. */
function fakeNpm(root: string, script: string): string {
  const bin = join(root, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "npm"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, "npm"), 0o755);
  return `${bin}:${process.env.PATH}`;
}

const installing = inFolder("install");

installing("unpacks the driver's files and leaves nothing else", async ({ root }) => {
  await install(SWIFTSHADER, join(root, "deep/driver"), download, INTEGRITY);
  assert.equal(readdirSync(join(root, "deep")), ["driver"]);
  assert.equal(readdirSync(join(root, "deep/driver")).sort(), Object.keys(FILES).sort());
  for (const [name, text] of Object.entries(FILES))
    assert.is(readFileSync(join(root, "deep/driver", name), "utf8"), text);
});

installing("two at once make one folder", async ({ root }) => {
  await Promise.all([1, 2, 3].map(() => install(SWIFTSHADER, join(root, "driver"), download, INTEGRITY)));
  assert.equal(readdirSync(root), ["driver"]);
  assert.is(readdirSync(join(root, "driver")).length, 3);
});

installing("refuses a tarball with another hash", async ({ root }) => {
  const error = await message(install(SWIFTSHADER, join(root, "driver"), download, "sha512-other"));
  assert.match(
    error,
    /NoAdapterError: swiftshader: expected .* with integrity sha512-other, got sha512-.*registry/,
  );
  assert.equal(readdirSync(root), []);
});

installing("leaves nothing when the download fails", async ({ root }) => {
  const fails = async (into: string) => {
    await download(into);
    throw new Error("the line dropped");
  };
  assert.match(
    await message(install(SWIFTSHADER, join(root, "driver"), fails, INTEGRITY)),
    /the line dropped/,
  );
  assert.equal(readdirSync(root), []);
});

installing("says in words that the cache folder cannot be made", async ({ root }) => {
  writeFileSync(join(root, "file"), "");
  const error = await message(install(SWIFTSHADER, join(root, "file/driver"), download, INTEGRITY));
  assert.match(
    error,
    /swiftshader: expected to write .*file\/driver, got .*(ENOTDIR|EEXIST).*set XDG_CACHE_HOME/,
  );
});

installing("reads tar archives, and names a damaged one", () => {
  const archive = tar({ "./a": "one", b: Buffer.alloc(513, 7) });
  assert.equal([...untar(archive).keys()], ["a", "b"]);
  assert.is(untar(archive).get("a")?.toString(), "one");
  assert.is(untar(archive).get("b")?.length, 513);
  assert.throws(() => untar(archive.subarray(0, 1600)), /damaged tar archive/);
});

installing("keeps its cache where the platform has them, or where XDG_CACHE_HOME says", ({ root }) => {
  assert.is(cacheFolder(), join(root, "ahamask"));
  process.env.XDG_CACHE_HOME = "relative";
  assert.match(cacheFolder(), /(\.cache|Caches|Local)[\\/]ahamask$/);
});

installing.run();

const linux = inFolder("on Linux x64");

/** A folder that passes for the fetched driver. */
function fetched(root: string): string {
  const folder = join(root, "ahamask/swiftshader-153.0.0");
  mkdirSync(folder, { recursive: true });
  return folder;
}

linux("a full disk is named, and leaves nothing half-made", async ({ root }) => {
  // The shell's limit on the size of a file stands in for the disk: 4 KiB, less than the driver.
  writeFileSync(join(root, "it.tgz"), TARBALL);
  const code = `const { install } = await import(${JSON.stringify(`${SOURCE}chromium-package.ts`)});
    const { SWIFTSHADER } = await import(${JSON.stringify(`${SOURCE}software-adapter.ts`)});
    await install(SWIFTSHADER, process.env.ROOT + "/cache/driver", async () => process.env.ROOT + "/it.tgz", ${JSON.stringify(INTEGRITY)})
      .catch((error) => console.log(error.message));`;
  const shell = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", process.execPath];
  // tsx keeps compiled files in a cache of its own, which the limit would break
  const { out, err } = await ending(
    start(code, { ...process.env, ROOT: root, TSX_DISABLE_CACHE: "1" }, shell),
  );
  assert.match(out + err, /swiftshader: expected to write .*cache\/driver, got a full disk .*; free 250 MB/);
  assert.equal(readdirSync(join(root, "cache")), []);
});

linux("an npm that cannot reach the registry is quoted, with the remedy", async ({ root }) => {
  process.env.PATH = fakeNpm(
    root,
    "echo 'npm error code ENOTFOUND\nnpm error network request failed' >&2; exit 1",
  );
  assert.match(
    await message(swiftShader()),
    /expected npm to download .*, got: network request failed; check the network/,
  );
  assert.equal(readdirSync(join(root, "ahamask")), []);
  process.env.PATH = root;
  assert.match(await message(swiftShader()), /expected npm on the PATH/);
});

linux("an interrupted fetch leaves nothing, and ends by the signal", async ({ root }) => {
  const env = { ...process.env, PATH: fakeNpm(root, "echo half > half.tgz; exec sleep 60") };
  const child = start(
    `await (await import(${JSON.stringify(`${SOURCE}software-adapter.ts`)})).swiftShader();`,
    env,
  );
  const end = ending(child);
  const cache = join(root, "ahamask");
  const half = () =>
    existsSync(cache) && readdirSync(cache).some((name) => existsSync(join(cache, name, "half.tgz")));
  while (!half()) await new Promise((resolve) => setTimeout(resolve, 20));
  child.kill("SIGINT");
  assert.is((await end).signal, "SIGINT");
  assert.equal(readdirSync(cache), []);
});

linux("AHAMASK_ADAPTER=swiftshader gives Dawn the driver and its loader, once", async ({ root }) => {
  const folder = fetched(root);
  process.env.AHAMASK_ADAPTER = "swiftshader";
  process.env.LD_LIBRARY_PATH = "/opt/lib";
  const environment = await adapterEnvironment();
  assert.equal(environment, {
    AHAMASK_ADAPTER: "swiftshader",
    VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"),
    VK_DRIVER_FILES: join(folder, "vk_swiftshader_icd.json"),
    LD_LIBRARY_PATH: `${folder}:/opt/lib`,
  });
  Object.assign(process.env, environment);
  assert.equal(await adapterEnvironment(), environment);
});

linux("no driver that works: SwiftShader; and AHAMASK_ADAPTER=gpu refuses it", async ({ root }) => {
  fetched(root);
  process.env.VK_ICD_FILENAMES = process.env.VK_DRIVER_FILES = "/nowhere";
  process.env.AHAMASK_ADAPTER = "";
  assert.is((await adapterEnvironment()).AHAMASK_ADAPTER, "swiftshader");
  process.env.AHAMASK_ADAPTER = "gpu";
  assert.match(await message(adapterEnvironment()), /AHAMASK_ADAPTER=gpu: expected a GPU, got none/);
});

linux("carries on in a process with the driver: same arguments, exit code and signals", async ({ root }) => {
  const folder = fetched(root);
  const env = { ...process.env, AHAMASK_ADAPTER: "swiftshader", VK_ICD_FILENAMES: "", LD_LIBRARY_PATH: "" };
  const program = (rest: string) =>
    `await (await import(${JSON.stringify(`${SOURCE}adapter.ts`)})).ensureAdapter();
     console.log(process.env.LD_LIBRARY_PATH); ${rest}`;
  const exited = await ending(start(program("process.exitCode = 7"), env));
  assert.equal([exited.code, exited.out, exited.err], [7, `${folder}\n`, ""]);

  const child = start(program("setInterval(() => {}, 1000)"), env);
  const end = ending(child);
  child.stdout?.once("data", () => child.kill("SIGTERM"));
  assert.is((await end).signal, "SIGTERM");
});

if (process.platform === "linux" && process.arch === "x64") linux.run();

const anywhere = inFolder("anywhere");

anywhere("a name that is none is refused", async () => {
  process.env.AHAMASK_ADAPTER = "quick";
  assert.match(await message(adapterEnvironment()), /expected gpu, lavapipe or swiftshader, got "quick"/);
});

anywhere.run();
