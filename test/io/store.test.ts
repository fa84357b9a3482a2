import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile as readWhole, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openStore } from "../../src/io/files-node.ts";
import { SourceError } from "../../src/io/source.ts";
import { memoryStore } from "../../src/io/store.ts";
import { rejects, utf8 } from "./helpers.ts";

const test = suite<{ dir: string }>("store");
test.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), "ahamask-store-"));
});
test.after.each(({ dir }) => rm(dir, { recursive: true }));

const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);

test("in memory and on disk alike: write, append, read, list, remove", async ({ dir }) => {
  for (const store of [memoryStore(), openStore(join(dir, "runs/asr"))]) {
    assert.equal(await store.list(), []);
    assert.is(await store.read("log.jsonl"), undefined);
    await store.remove("log.jsonl");
    await store.append("log.jsonl", utf8("one\n"));
    await store.append("log.jsonl", utf8("two\n"));
    await store.write("checkpoints/100.bin", utf8("old"));
    await store.write("checkpoints/100.bin", utf8("new"));
    await store.write("checkpoints/9.bin", utf8(""));
    assert.is(text(await store.read("log.jsonl")), "one\ntwo\n");
    assert.is(text(await store.read("checkpoints/100.bin")), "new");
    assert.is(text(await store.read("checkpoints/9.bin")), "");
    assert.is(await store.read("checkpoints/1.bin"), undefined);
    assert.equal(await store.list(), ["checkpoints/100.bin", "checkpoints/9.bin", "log.jsonl"]);
    await store.remove("checkpoints/100.bin");
    assert.equal(await store.list(), ["checkpoints/9.bin", "log.jsonl"]);
  }
});

test("in memory and on disk alike: read in pieces, and rename", async ({ dir }) => {
  for (const store of [memoryStore(), openStore(join(dir, "out"))]) {
    assert.is(await store.open("a.part"), undefined);
    await store.append("a.part", utf8("one "));
    await store.append("a.part", utf8("two"));
    await store.write("a", utf8("old"));
    const part = (await store.open("a.part"))!;
    assert.is(part.size, 7);
    assert.is(text(await part.read(4, 3)), "two");
    await part.close();
    await store.rename("a.part", "a");
    await store.rename("a", "b/a");
    assert.equal(await store.list(), ["b/a"]);
    assert.is(text(await store.read("b/a")), "one two");
    await rejects(
      () => store.rename("a", "c"),
      SourceError,
      /^write: expected to write '.*a', got nothing there$/,
    );
  }
});

test("what is written and read is a copy", async () => {
  const store = memoryStore();
  const bytes = utf8("abc");
  await store.write("x", bytes);
  bytes[0] = 0;
  (await store.read("x"))![1] = 0;
  assert.is(text(await store.read("x")), "abc");
});

test("a path stays inside the store, and is one folder deep at most", async ({ dir }) => {
  for (const store of [memoryStore(), openStore(dir)]) {
    for (const path of ["", "../x", "/etc/x", "a/../x", "a/b/c", ".hidden", "a/.b", "a\\b", "C:x"]) {
      await rejects(
        async () => store.write(path, utf8("x")),
        SourceError,
        /^(store|folder): expected .*, got '/,
      );
      await rejects(async () => store.read(path), SourceError, /got '/);
      await rejects(async () => store.append(path, utf8("x")), SourceError, /got '/);
      await rejects(async () => store.open(path), SourceError, /got '/);
      await rejects(async () => store.rename("a", path), SourceError, /got '/);
      await rejects(async () => store.rename(path, "a"), SourceError, /got '/);
      await rejects(async () => store.remove(path), SourceError, /got '/);
    }
  }
  assert.equal(await readdir(dir), []);
});

test("files half written and deeper folders are not listed", async ({ dir }) => {
  await mkdir(join(dir, "a/b"), { recursive: true });
  await writeFile(join(dir, ".x.bin.123.tmp"), "half");
  await writeFile(join(dir, "a/x"), "x");
  await writeFile(join(dir, "a/b/x"), "x");
  assert.equal(await openStore(dir).list(), ["a/x"]);
});

test("a file in the folder's place is said", async ({ dir }) => {
  await writeFile(join(dir, "file"), "x");
  const store = openStore(join(dir, "file"));
  for (const path of ["x", "a/x"]) {
    const reason = /^(write|read): expected to .* got a file where a folder should be; choose another path$/;
    await rejects(() => store.write(path, utf8("x")), SourceError, reason);
    await rejects(() => store.append(path, utf8("x")), SourceError, reason);
    await rejects(() => store.read(path), SourceError, reason);
  }
  await rejects(() => store.list(), SourceError, /a file where a folder should be/);
  await rejects(() => openStore(dir).remove("."), SourceError, /got '\.'/);
});

test("a read-only file system is said", async () => {
  // Linux keeps one at hand: /sys takes no new files, not even root's.
  if (process.platform !== "linux") return;
  await rejects(
    () => openStore("/sys/kernel").write("x", utf8("x")),
    SourceError,
    /^write: expected to write '\/sys\/kernel\/x', got (no permission; change the permissions, or|a read-only file system;) choose another path$/,
  );
});

test("a full disk: appending says so", async ({ dir }) => {
  if (process.platform !== "linux") return;
  await symlink("/dev/full", join(dir, "log.jsonl"));
  await rejects(
    () => openStore(dir).append("log.jsonl", utf8("x\n")),
    SourceError,
    /^write: expected to write '.*log\.jsonl', got a full disk; free some space$/,
  );
});

test("a full disk for real, where one may be mounted: old content stays, nothing is left half written", async ({
  dir,
}) => {
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", dir]);
  if (mounted.status !== 0) return console.log("no disk was filled: only root may mount one"); // see the test above
  try {
    const store = openStore(dir);
    await store.write("x.bin", utf8("old"));
    await store.append("log.jsonl", utf8("one\n"));
    const full = /got a full disk; free some space$/;
    await rejects(() => store.write("x.bin", new Uint8Array(100_000)), SourceError, full);
    await rejects(() => store.append("log.jsonl", new Uint8Array(100_000)), SourceError, full);
    assert.is(await readWhole(join(dir, "x.bin"), "utf8"), "old");
    assert.is(await readWhole(join(dir, "log.jsonl"), "utf8"), "one\n");
    assert.equal((await readdir(dir)).sort(), ["log.jsonl", "x.bin"]);
    await store.append("log.jsonl", utf8("two\n"));
    assert.is(await readWhole(join(dir, "log.jsonl"), "utf8"), "one\ntwo\n");
  } finally {
    spawnSync("umount", [dir]);
  }
});

test.run();
