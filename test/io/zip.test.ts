import { test } from "uvu";
import * as assert from "uvu/assert";
import { memorySource } from "../../src/io/source.ts";
import { entrySource, readZip, ZipError } from "../../src/io/zip.ts";
import { rejects } from "./helpers.ts";
import { entry, pickle, zipBytes } from "./torch-files.ts";

test("names that lead out of the archive are refused", async () => {
  for (const name of ["../x", "/etc/passwd", "m/../../x", "m//x", "m/./x", "m\\x", "", "m/\0"]) {
    const file = zipBytes([entry("m/data.pkl", pickle("N")), entry(name, new Uint8Array(1))]);
    await rejects(
      () => readZip(memorySource("evil.pth", file)),
      ZipError,
      /^zip: evil.pth: expected names within/,
    );
  }
  const folder = zipBytes([entry("m/", new Uint8Array()), entry("m/data.pkl", pickle("N"))]);
  assert.is((await readZip(memorySource("folder.pth", folder))).size, 2);
});

test("an entry's header must lie where the directory says", async () => {
  const file = zipBytes([entry("m/data.pkl", pickle("N"))]);
  file[0] = 0;
  const entries = await readZip(memorySource("m.pth", file));
  await rejects(
    () => entrySource(entries.get("m/data.pkl")!),
    ZipError,
    /^zip: m.pth: expected 'm\/data.pkl' at 0, /,
  );
});

test.run();
