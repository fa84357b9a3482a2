/** The library as it is published for browsers; `npm test` builds it when it is out of date. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type FirstLoad, firstLoad, MOST_BYTES } from "../scripts/first-load.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const ENTRY = join(ROOT, exports["."].browser);
let built: FirstLoad;

test.before(async () => {
  built = await firstLoad(ENTRY);
});

test("a page can load all of it: no module of Node, no Dawn, nothing missing", () => {
  assert.equal(built.missing, []);
  assert.not.match(built.code, /\b(from|import)\s*\(?\s*["'`](node:|webgpu["'`])/);
});

test("what a page loads first is small", () => {
  assert.ok(built.bytes > 50_000, `${built.bytes} bytes cannot be all of it`);
  assert.ok(built.bytes <= MOST_BYTES, `${built.bytes} bytes; load more on demand`);
});

test("codecs load on demand", () => {
  const entry = readFileSync(ENTRY, "utf8");
  for (const codec of ["@wasm-audio-decoders/flac", "@wasm-audio-decoders/ogg-vorbis", "mpg123-decoder"]) {
    assert.ok(entry.includes(`import(\`${codec}\`)`) || entry.includes(`import("${codec}")`), codec);
    assert.not.match(entry, new RegExp(`from\\s*["'\`]${codec}`));
  }
});

test("shaders lose their comments and keep their lines", () => {
  const entry = readFileSync(ENTRY, "utf8");
  const add = readFileSync(join(ROOT, "shaders/add.wgsl"), "utf8");
  assert.not.ok(entry.includes("folded into two dimensions"), "a contract comment is published");
  const main = add.slice(add.indexOf("struct Params"), add.indexOf("@group(0) @binding(1)"));
  const line = add.slice(0, add.indexOf("struct Params")).split("\n").length - 1;
  const forms = [main, JSON.stringify(main).slice(1, -1)].map(
    (text, i) => `${(i ? "\\n" : "\n").repeat(line)}${text}`,
  );
  assert.ok(
    forms.some((form) => entry.includes(form)),
    "add.wgsl is not where it was",
  );
});

test("its types say what it has", async () => {
  const types = readFileSync(join(ROOT, exports["."].types), "utf8");
  const there = new Set([...types.matchAll(/\b(?:type )?(\w+)(?=[,\s}])/g)].map(([, name]) => name));
  const entry = readFileSync(ENTRY, "utf8");
  const list = /export\s*\{([^}]*)\}\s*;?\s*(\/\/#.*)?\s*$/.exec(entry)![1]!;
  const names = list.split(",").map((item) => item.trim().split(" as ").at(-1)!);
  assert.ok(names.includes("openGpu") && names.includes("ModelCache"), dirname(ENTRY));
  assert.equal(
    names.filter((name) => !there.has(name)),
    [],
  );
});

test.run();
