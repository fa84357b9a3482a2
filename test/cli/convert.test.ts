import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ConvertDocument } from "../../src/cli/convert.ts";
import { openCheckpointFile } from "../../src/io/checkpoint.ts";
import { openFolder } from "../../src/io/files-node.ts";
import { readTensor } from "../../src/io/safetensors.ts";
import { openModelFiles } from "../../src/model/open-model.ts";
import { f32, file } from "../io/helpers.ts";
import { serve, withServer } from "../io/server.ts";
import { here, withFolder } from "./command.ts";

const DEMO = "models/demo/model";
const SALMONN = "test/fixtures/salmonn/config.yaml";
const BEATS = "test/fixtures/beats/beats.pt";

/** A document of `convert --json`; the conversion must be fine. */
async function converted(...args: string[]): Promise<ConvertDocument> {
  const { code, stdout, stderr } = await here("convert", ...args, "--json");
  assert.equal([code, stderr], [0, ""]);
  return JSON.parse(stdout) as ConvertDocument;
}

test("a model's folder becomes one with the same weights and small files; a second time nothing is done", () =>
  withFolder(async (folder) => {
    const out = join(folder, "new/model");
    const rows = `
  weights      168 tensors, 6.2 MB, each of the type it had
  verified     168 tensors, 6.2 MB
  fingerprint  49d2638ec8beee9e
  files        model.safetensors
               generation_config.json
               preprocessor_config.json
               tokenizer.json
               tokenizer_config.json
               chat_template.json
               config.json
`;
    assert.equal(await here("convert", DEMO, "--out", out), { code: 0, stdout: `${out}${rows}`, stderr: "" });
    assert.equal(readdirSync(out).sort(), readdirSync(DEMO).sort());
    for (const name of readdirSync(DEMO))
      if (name !== "model.safetensors")
        assert.equal(readFileSync(join(out, name)), readFileSync(join(DEMO, name)), name);
    const inspected = (path: string) => here("inspect", path);
    const body = ({ stdout }: { stdout: string }) => stdout.split("\n").slice(1).join("\n");
    assert.is(body(await inspected(out)), body(await inspected(DEMO)));

    const again = await here("convert", DEMO, "--out", out);
    assert.is(again.stdout, `${out}${rows.replace("168 tensors, 6.2 MB\n", "when it was written\n")}`);
    assert.is(again.stderr, `ahamask: ${out} has it all from an earlier conversion: nothing was done\n`);
  }));

test("--dtype converts, config.json says so, and --json what was done", () =>
  withFolder(async (out) => {
    const document = await converted(DEMO, "--out", out, "--dtype", "bf16");
    assert.equal(document, {
      from: DEMO,
      out,
      dtype: "bf16",
      files: [
        ...["model.safetensors", "generation_config.json", "preprocessor_config.json", "tokenizer.json"],
        ...["tokenizer_config.json", "chat_template.json", "config.json"],
      ],
      tensors: 168,
      bytes: 6_175_104,
      kept: 0,
      verified: { tensors: 168, bytes: 6_175_104 },
      fingerprint: document.fingerprint,
    });
    assert.match(document.fingerprint, /^[0-9a-f]{16}$/);
    assert.is.not(document.fingerprint, "49d2638ec8beee9e");
    const config = (path: string) => readFileSync(join(path, "config.json"), "utf8");
    assert.is(config(out), config(DEMO).replace('"torch_dtype": "float16"', '"torch_dtype": "bfloat16"'));
    const { stdout } = await here("inspect", out);
    assert.match(stdout, /^ {2}weights +BF16 6\.2 MB$/m);
    assert.match(stdout, RegExp(`^ {2}fingerprint +${document.fingerprint}$`, "m"));
  }));

test("SALMONN's published files become one folder that opens as they do", () =>
  withFolder(async (out) => {
    const document = await converted(SALMONN, "--out", out);
    assert.equal(document.files, [
      ...["model.safetensors", "generation_config.json", "tokenizer.json", "config.json"],
    ]);
    const [before, after] = [await openModelFiles(SALMONN), await openModelFiles(out)];
    assert.is(after.config, before.config);
    assert.is(document.verified.tensors, before.checkpoint.tensors.size);
    assert.is(await after.checkpoint.fingerprint(), await before.checkpoint.fingerprint());
    assert.equal([...after.checkpoint.tensors.keys()].sort(), [...before.checkpoint.tensors.keys()].sort());
    for (const [name, info] of before.checkpoint.tensors)
      assert.equal(await readTensor(after.checkpoint.tensors.get(name)!), await readTensor(info), name);
    await Promise.all([before.checkpoint.close(), after.checkpoint.close()]);
  }));

test("a file of weights becomes weights alone, and a model on the web one on the disk", () =>
  withFolder(async (folder) => {
    const beats = await converted(BEATS, "--out", join(folder, "beats"));
    assert.equal(beats.files, ["model.safetensors"]);
    const from = await openCheckpointFile(openFolder("."), BEATS);
    assert.is(beats.fingerprint, await from.fingerprint());
    await from.close();
    const files = readdirSync(DEMO).map((name) => [`m/${name}`, readFileSync(join(DEMO, name))] as const);
    await withServer(serve(Object.fromEntries(files)), async (url) => {
      const { fingerprint } = await converted(`${url}/m`, "--out", join(folder, "web"));
      assert.is(fingerprint, "49d2638ec8beee9e");
    });
    assert.equal(readdirSync(join(folder, "web")).sort(), readdirSync(DEMO).sort());
  }));

test("what cannot be converted is one line and exit code 1, and leaves no folder", () =>
  withFolder(async (folder) => {
    const [out, mine] = [join(folder, "out"), join(folder, "mine")];
    mkdirSync(mine);
    writeFileSync(join(mine, "notes.txt"), "mine");
    writeFileSync(join(folder, "torn.pt"), readFileSync(BEATS).subarray(0, 50_000));
    for (const [from, to, message] of [
      ["nowhere", out, /expected a directory or an http\(s\) URL, got 'nowhere'/],
      ["src", out, /expected to read 'src\/config\.json', got nothing there/],
      ["nowhere.pt", out, /expected to read '\.?\/?nowhere\.pt', got nothing there/],
      [join(folder, "torn.pt"), out, /zip: .*torn\.pt: expected a ZIP file, got no directory at its end/],
      ["test/fixtures/masks/evil.system.pth", out, /pickle: .*system/],
      [
        DEMO,
        mine,
        /expected an empty folder or this conversion in .*, got other files \(notes\.txt\); choose/,
      ],
      [DEMO, DEMO, /expected an empty folder or this conversion in .*, got other files/],
      [DEMO, join(mine, "notes.txt"), /got a file where a folder should be; choose another path/],
      [DEMO, "/sys/kernel/new", /got (no permission|a read-only file system)/],
    ] as const) {
      if (to.startsWith("/sys") && process.platform !== "linux") continue;
      const { code, stdout, stderr } = await here("convert", from, "--out", to);
      assert.equal([code, stdout], [1, ""], from);
      assert.match(stderr, message);
      assert.is(stderr.split("\n").length, 2, stderr);
    }
    assert.equal(readdirSync(folder).sort(), ["mine", "torn.pt"]);
    assert.equal(readdirSync(mine), ["notes.txt"]);
  }));

test("a full disk, where one may be mounted: nothing is half written, and the same command goes on", () =>
  withFolder(async (folder) => {
    const disk = join(folder, "disk");
    mkdirSync(disk);
    const mount = (options: string) =>
      spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", disk]).status;
    if (mount("size=2m") !== 0) return console.log("no disk was filled: only root may mount one");
    try {
      const out = join(disk, "out");
      const { code, stdout, stderr } = await here("convert", DEMO, "--out", out);
      assert.equal([code, stdout], [1, ""]);
      assert.match(stderr, /what is written is kept in .*\/out; the same command goes on with it$/m);
      assert.match(stderr, /^ahamask: write: expected to write '.*', got a full disk; free some space$/m);
      assert.equal(readdirSync(out).sort(), ["convert.json", "model.safetensors.part"]);
      assert.is(mount("remount,size=20m"), 0);
      const again = await here("convert", DEMO, "--out", out, "--json");
      assert.match(again.stderr, /^ahamask: \d\.\d MB of 6\.2 MB are there; it goes on\n$/);
      const { kept, verified, fingerprint } = JSON.parse(again.stdout) as ConvertDocument;
      assert.ok(kept > 1e6 && kept < 2.1e6, `${kept} bytes were kept`);
      assert.equal([verified.tensors, fingerprint], [168, "49d2638ec8beee9e"]);
      assert.equal(readdirSync(out).sort(), readdirSync(DEMO).sort());
    } finally {
      spawnSync("umount", [disk]);
    }
  }));

test("values beyond a type are refused with the tensor's name and the remedy", () =>
  withFolder(async (folder) => {
    const [from, out] = [join(folder, "large.safetensors"), join(folder, "out")];
    writeFileSync(from, file({ "a.weight": { dtype: "F32", shape: [2], bytes: f32(1, 70_000) } }));
    const { code, stderr } = await here("convert", from, "--out", out, "--dtype", "f16");
    assert.is(code, 1);
    assert.match(
      stderr,
      /^ahamask: convert: 'a\.weight': expected values of at most 65504 for f16, got 70000; convert to bf16$/m,
    );
    assert.equal(readdirSync(out).sort(), ["convert.json", "model.safetensors.part"]);
    const other = await here("convert", from, "--out", out, "--dtype", "bf16");
    assert.match(
      other.stderr,
      /got another \(dtype f16 instead of bf16\); choose another folder, or delete this one$/m,
    );
  }));

test("--help fits 80 columns; bad usage exits with 2", async () => {
  const { stdout } = await here("convert", "--help");
  assert.match(stdout, /Exit codes: 0 fine, 1 .*2 bad usage, 130 interrupted/s);
  for (const line of stdout.split("\n")) assert.ok(line.length <= 80, `${line.length} columns: ${line}`);
  for (const [args, message] of [
    [[DEMO], /^ahamask: required option '--out <dir>' not specified\n$/],
    [["--out", "x"], /^ahamask: missing required argument 'from'\n$/],
    [
      [DEMO, "--out", "x", "--dtype", "int8"],
      /argument 'int8' is invalid\. Allowed choices are f16, bf16, f32\./,
    ],
  ] as const) {
    const { code, stderr } = await here("convert", ...args);
    assert.is(code, 2);
    assert.match(stderr, message);
  }
});

test.run();
