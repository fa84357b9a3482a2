import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile as readWhole, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as browser from "../../src/io/files-browser.ts";
import { fileSource, openFolder, readFile, writeFileAtomic } from "../../src/io/files-node.ts";
import { SourceError } from "../../src/io/source.ts";
import { rejects, utf8 } from "./helpers.ts";
import { serve, withServer } from "./server.ts";

const test = suite<{ dir: string }>("files-node");
test.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), "ahamask-files-"));
});
test.after.each(({ dir }) => rm(dir, { recursive: true }));

test("reads a file in parts and whole", async ({ dir }) => {
  const path = join(dir, "x.bin");
  const data = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7);
  await writeFile(path, data);
  const source = await fileSource(path);
  assert.is(source.size, data.length);
  assert.equal(await source.read(99_000, 1000), data.slice(99_000));
  const into = new Uint8Array(100);
  assert.is((await source.read(5, 50, { into })).buffer, into.buffer);
  assert.equal(into.subarray(0, 50), data.slice(5, 55));
  await rejects(() => source.read(99_999, 2), SourceError, /expected bytes within the 100000 of/);
  await source.close();
  assert.equal(await readFile(path), data);
});

test("a file that is cut short while it is open", async ({ dir }) => {
  const path = join(dir, "x.bin");
  await writeFile(path, new Uint8Array(1000));
  const source = await fileSource(path);
  await truncate(path, 10);
  await rejects(() => source.read(0, 100), SourceError, /expected 100 bytes of .*x.bin at 0, got 10/);
  await source.close();
});

test("a directory is a folder", async ({ dir }) => {
  await writeFile(join(dir, "config.json"), "{}");
  const folder = openFolder(dir);
  assert.is(await folder.text("config.json"), "{}");
  assert.ok(await folder.has("config.json"));
  assert.not(await folder.has("model.safetensors"));
  await rejects(() => folder.open("model.safetensors"), SourceError, /model.safetensors', got nothing there/);
  await rejects(() => folder.text("../secret"), SourceError, /relative to the folder/);
  await rejects(
    () => openFolder(join(dir, "none")).has("x"),
    SourceError,
    /expected a directory or an http\(s\) URL/,
  );
  assert.is(openFolder("https://example.org/m").name, "https://example.org/m/");
});

test("what is not a file is refused, since it may never end", async ({ dir }) => {
  await symlink("/dev/zero", join(dir, "endless"));
  for (const read of [readFile, fileSource]) {
    await rejects(() => read(dir), SourceError, /expected a file, got directory/);
    await rejects(() => read(join(dir, "none")), SourceError, /got nothing there/);
    await rejects(() => read(join(dir, "endless")), SourceError, /expected a file, got/);
  }
});

test("writes a file, new or over an old one, and leaves nothing else", async ({ dir }) => {
  const path = join(dir, "mask.safetensors");
  await writeFileAtomic(path, utf8("old"));
  await writeFileAtomic(path, utf8("new one"));
  assert.is(await readWhole(path, "utf8"), "new one");
  assert.equal(await readdir(dir), ["mask.safetensors"]);
});

test("a failed write leaves the folder as it was", async ({ dir }) => {
  await rejects(
    () => writeFileAtomic(join(dir, "none", "x"), utf8("x")),
    SourceError,
    /to write .*got nothing there/,
  );
  // Renaming onto a directory fails after the bytes are written.
  await rejects(() => writeFileAtomic(dir, utf8("x")), SourceError, /^write: expected to write/);
  assert.equal(await readdir(dir), []);
});

test("a full disk: a typed error, the old file intact, no half-written file", async ({ dir }) => {
  const path = join(dir, "cache.bin");
  await writeFile(path, "old");
  // A limit on file size (in KiB or half of them, by shell) makes the write stop half way as a full disk does.
  const program = `
    import { writeFileAtomic } from ${JSON.stringify(new URL("../../src/io/files-node.ts", import.meta.url).href)};
    try { await writeFileAtomic(process.argv[1], new Uint8Array(1_000_000)); console.log("written"); }
    catch (error) { console.log(error.name + "|" + error.message); }`;
  const register = new URL("../../scripts/register.js", import.meta.url).href;
  const child = spawnSync(
    "sh",
    [
      "-c",
      'ulimit -f 64 && exec "$@"',
      "sh",
      process.execPath,
      "--import",
      register,
      "--input-type=module",
      "-e",
      program,
      path,
    ],
    { encoding: "utf8", env: { ...process.env, TSX_DISABLE_CACHE: "1" } },
  );
  assert.match(
    child.stdout,
    /^SourceError\|write: expected to write '.*cache.bin', got a file larger than/,
    child.stderr,
  );
  assert.is(await readWhole(path, "utf8"), "old");
  assert.equal(await readdir(dir), ["cache.bin"]);
});

test("a whole file is read by its URL, as in a browser; a path may lead out of its folder", () =>
  withServer(serve({ "clips/a.txt": utf8("abc") }), async (url) => {
    for (const read of [readFile, browser.readFile]) {
      assert.equal(await read(`${url}/data/../clips/a.txt`), utf8("abc"));
      await rejects(() => read(`${url}/data/a.txt`), SourceError, /status 404; check the address/);
    }
  }));

test.run();
