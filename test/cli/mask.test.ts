import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HeadMask } from "../../src/mask/head-mask.ts";
import { readMask, writeMask } from "../../src/mask/mask-file.ts";
import { demoMask } from "../model/demo-model.ts";
import { command, here, withFolder } from "./command.ts";

const ASR = "models/demo/masks/pytorch/asr.safetensors";
const GENDER = "models/demo/masks/pytorch/gr.safetensors";
const PUBLISHED = "test/fixtures/masks/mask.pth";
const SIZE = ["--layers", "4", "--heads", "8"];

const readFile = (path: string, shape?: { layers: number; heads: number }) =>
  readMask(new Uint8Array(readFileSync(path)), path, shape);

async function fails(code: number, message: RegExp, ...args: string[]) {
  const outcome = await here("mask", ...args);
  assert.is(outcome.code, code, outcome.stderr);
  assert.is(outcome.stdout, "");
  assert.match(outcome.stderr, message);
  assert.is(outcome.stderr.split("\n").length, 2, outcome.stderr);
}

test("shows a mask, without colours where there is no terminal", async () => {
  const { code, stdout, stderr } = await command("mask", "show", ASR);
  assert.equal([code, stderr], [0, ""]);
  assert.match(stdout, /^models\/demo\/masks\/pytorch\/asr.safetensors\n {2}size {4}8 layers × 8 heads\n/);
  assert.match(stdout, /\n {2}head {5}0 1 2 3 4 5 6 7\n {2}layer 0 {2}· · ■ ■ ■ · · ■ {2}4\n/);
  assert.match(stdout, /\n {2}■ on, · off; 41 of 64 heads on \(64.1 %\)\n$/);
  assert.not.ok(stdout.includes("\u001b"));
});

test("shows several masks, and published ones", async () => {
  const { code, stdout } = await here(
    "mask",
    "show",
    PUBLISHED,
    "test/fixtures/masks/mask_runner.pth",
    ...SIZE,
  );
  assert.is(code, 0);
  const [first, second] = stdout.split(/^test\/fixtures.*\n/m).slice(1);
  assert.is(first?.trim(), second?.trim());
  assert.match(first!, /layer 0 {2}■ ■ · · ■ ■ ■ ■ {2}6\n/);
});

test("draws a mask as SVG", () =>
  withFolder(async (folder) => {
    const out = join(folder, "asr.svg");
    const { code, stderr } = await here("mask", "show", ASR, "--svg", out);
    assert.is(code, 0);
    assert.is(stderr, `ahamask: wrote ${out}\n`);
    assert.match(
      readFileSync(out, "utf8"),
      /^<svg [^>]*>\n<title>asr.safetensors: 41 of 64 heads on<\/title>/,
    );
    await fails(2, /--svg takes one mask/, "show", ASR, GENDER, "--svg", out);
  }));

test("compares two masks", async () => {
  const { code, stdout } = await here("mask", "compare", ASR, GENDER);
  assert.is(code, 0);
  assert.is(
    stdout,
    `  a            ${ASR}: 41 of 64 heads on
  b            ${GENDER}: 25 of 64 heads on
  on in both   13
  only in a    28
  only in b    12
  off in both  11
  agree        37.5 % of the heads
  Jaccard      0.245; masks this dense but independent: 0.320
  phi          -0.201 (1 equal, 0 chance, -1 opposite)
  most apart   in layer 3: 7 of 8 heads
`,
  );
  const json = JSON.parse((await here("mask", "compare", ASR, ASR, "--json")).stdout);
  assert.equal([json.a, json.b, json.both, json.onlyA, json.jaccard, json.phi], [ASR, ASR, 41, 0, 1, 1]);
  assert.match((await here("mask", "compare", ASR, ASR)).stdout, /most apart {3}nowhere: they are equal\n$/);
  await withFolder(async (folder) => {
    const small = join(folder, "small.safetensors");
    writeFileSync(small, writeMask(HeadMask.all(4, 8)));
    await fails(1, /masks of one size, got 8 × 8 and 4 × 8/, "compare", ASR, small);
  });
});

test("combines masks", () =>
  withFolder(async (folder) => {
    const out = join(folder, "both.safetensors");
    for (const [operation, count] of [
      ["and", 13],
      ["or", 53],
      ["xor", 40],
      ["majority", 13],
    ] as const) {
      const { code, stdout, stderr } = await here("mask", "combine", operation, ASR, GENDER, "--out", out);
      assert.equal([code, stdout], [0, ""]);
      assert.match(stderr, new RegExp(`wrote .*both.safetensors: ${count} of 8 × 8 heads on, \\d+ bytes\n$`));
      assert.is((await readFile(out)).count, count);
    }
    await fails(2, /Allowed choices are and, or, xor, majority/, "combine", "nand", ASR, "--out", out);
    await fails(2, /required option '--out <file>' not specified/, "combine", "and", ASR, GENDER);
  }));

test("converts a published mask into safetensors, and that into bits and back", () =>
  withFolder(async (folder) => {
    const [soft, bits, hard] = ["m.safetensors", "m.bits", "n.safetensors"].map((name) => join(folder, name));
    assert.is((await here("mask", "convert", PUBLISHED, soft!, ...SIZE)).code, 0);
    const mask = await readFile(PUBLISHED, { layers: 4, heads: 8 });
    assert.equal((await readFile(soft!)).logits, mask.logits);
    assert.is((await here("mask", "convert", soft!, bits!)).code, 0);
    assert.equal(new Uint8Array(readFileSync(bits!)), mask.toBits());
    assert.is((await here("mask", "convert", bits!, hard!, ...SIZE)).code, 0);
    assert.ok((await readFile(hard!)).equals(mask));
    assert.equal(readdirSync(folder).sort(), ["m.bits", "m.safetensors", "n.safetensors"]);
  }));

test("the bits of 40 × 40 heads take exactly 200 bytes, and read back the same", () =>
  withFolder(async (folder) => {
    const [file, bits, again] = ["m.safetensors", "m.bits", "again.bits"].map((name) => join(folder, name));
    const mask = HeadMask.random(40, 40, 1000, 7);
    writeFileSync(file!, writeMask(mask));
    const { stderr } = await here("mask", "convert", file!, bits!);
    assert.match(stderr, /: 1000 of 40 × 40 heads on, 200 bytes\n$/);
    assert.is(readFileSync(bits!).length, 200);
    assert.ok((await readFile(bits!, { layers: 40, heads: 40 })).equals(mask));
    await here("mask", "convert", bits!, again!, "--layers", "40", "--heads", "40");
    assert.equal(readFileSync(again!), readFileSync(bits!));
  }));

test("never overwrites an input, and overwrites anything else whole", () =>
  withFolder(async (folder) => {
    const [path, link, out] = ["m.safetensors", "link.safetensors", "out.bits"].map((name) =>
      join(folder, name),
    );
    const bytes = writeMask(await demoMask("masks/pytorch/asr.safetensors"));
    writeFileSync(path!, bytes);
    symlinkSync(path!, link!);
    writeFileSync(out!, "something that is longer than a mask");
    await fails(1, /expected an output that is none of the inputs, got/, "convert", path!, path!);
    await fails(1, /expected an output that is none of the inputs, got/, "convert", path!, link!);
    await fails(
      1,
      /none of the inputs/,
      "combine",
      "or",
      ASR,
      path!,
      "--out",
      join(folder, ".", "m.safetensors"),
    );
    await fails(1, /none of the inputs/, "show", path!, "--svg", path!);
    assert.equal(new Uint8Array(readFileSync(path!)), bytes);
    assert.is((await here("mask", "convert", path!, out!)).code, 0);
    assert.is(readFileSync(out!).length, 8);
    await fails(1, /expected an output in safetensors or bare bits/, "convert", path!, join(folder, "m.pth"));
    await fails(1, /expected to write .*got nothing there/, "convert", path!, join(folder, "no/where.bits"));
    assert.not.ok(existsSync(join(folder, "m.pth")));
  }));

test("says what is wrong with a mask, and what to pass", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out.bits");
    await fails(
      1,
      /which are layers × \(heads \+ 1\); pass --layers and --heads\n$/,
      "convert",
      PUBLISHED,
      out,
    );
    await fails(1, /expected 1640 logits .* got 36/, "show", PUBLISHED, "--layers", "40", "--heads", "40");
    await fails(2, /--layers and --heads go together; give both/, "show", PUBLISHED, "--layers", "4");
    await fails(
      2,
      /Expected a whole number of at least 1/,
      "show",
      PUBLISHED,
      "--layers",
      "0",
      "--heads",
      "8",
    );
    await fails(1, /expected to read 'nowhere.bits', got nothing there/, "compare", ASR, "nowhere.bits");
    const evil = "test/fixtures/masks/evil.system.pth";
    const refused = /got posix.system; this file would run code, do not trust it\n$/;
    await fails(1, refused, "show", evil);
    await fails(1, refused, "convert", evil, out, ...SIZE);
    assert.not.ok(existsSync(out));
    assert.not.ok(existsSync("evil-was-here"));
  }));

test.run();
