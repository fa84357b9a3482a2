import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import type { PlanDocument } from "../../src/cli/plan.ts";
import { render } from "../../src/cli/plan-render.ts";
import { serve, withServer } from "../io/server.ts";
import { demoFile } from "../model/demo-model.ts";
import { here, ROOT, start, withFolder } from "./command.ts";

const DEMO = "models/demo/model";
const SALMONN = "test/fixtures/salmonn/config.yaml";

const plan = async (...args: string[]): Promise<PlanDocument> =>
  JSON.parse((await here("plan", "--json", "--model", ...args)).stdout);

/** The lines from the one that begins with a title to the next empty one. */
const section = (text: string, title: string) => text.slice(text.indexOf(`\n${title}`) + 1).split("\n\n")[0]!;

test("prints a table for each thing that a model needs, and whether it runs here", async () => {
  const { code, stdout, stderr } = await here("plan", "--model", DEMO);
  assert.is(stderr, "");
  assert.is(code, 0);
  assert.is(
    stdout.split("\n\n")[0],
    `${DEMO}
  qwen2_audio, 8 layers × 8 heads
  for a clip of 3 s (75 tokens), 64 tokens of text, and an answer of at most 256`,
  );
  assert.is(
    section(stdout, "Weights"),
    `Weights           type  millions  bytes, in files  on the GPU  allocated
  Audio encoder    f16       1.2        2,387,840   2,403,200     2.5 MB
  Projector        f16       0.0           41,216      41,472    41.5 kB
  Language model   f16       1.9        3,746,048   3,756,544     3.8 MB
  in all                     3.1        6,175,104   6,201,216     6.3 MB`,
  );
  assert.is(
    section(stdout, "Download"),
    `Download                  bytes needed  of the file
  model.safetensors          6,175,104    6,194,304
  config.json                    1,027        1,027
  generation_config.json           140          140
  tokenizer.json                23,166       23,166
  tokenizer_config.json          2,225        2,225
  chat_template.json               778          778
  in all                     6,202,440    6,221,640`,
  );
  assert.match(section(stdout, "GPU memory"), /^ {2}weights +6,332,416 +6\.3 MB$/m);
  assert.match(section(stdout, "Limits"), /^ {2}maxStorageBufferBindingSize +134,217,728 +128 MiB +\d/m);
  assert.match(stdout, /\(software\)\s+can\s+run\s+it\.\n| can\s+run\s+it\s+if\s+it\s+has/);
  assert.match(stdout, /\nMemory is exact, for one clip at a time; .*\n$/);
});

test("a published model keeps within 80 columns", async () => {
  for (const name of ["salmonn-13b", "qwen2-audio-7b"]) {
    const { stdout } = await here("plan", "--model", name, "--dtype", "f32");
    const wide = stdout.split("\n").filter((line) => line.length > 80);
    assert.equal(wide, []);
  }
});

test("gives one document, each part in the type of its file", async () => {
  const published = await plan("salmonn-13b");
  assert.equal(
    published.parts.map(({ name, dtype }) => [name, dtype]),
    [
      ["Whisper encoder", "f32"],
      ["BEATs", "f32"],
      ["Q-Former", "f32"],
      ["LLaMA", "f16"],
      ["LoRA", "f32"],
    ],
  );
  assert.equal([published.layers, published.heads], [40, 40]);
  assert.equal(published.sizes, {
    samples: 480_000,
    audioTokens: 88,
    textTokens: 64,
    newTokens: 100,
    beams: 4,
  });
  const v1 = published.files.find(({ name }) => name === "salmonn_v1.pth");
  assert.equal(v1?.parts, ["Q-Former", "LoRA"]);
  const needed = published.parts.filter(({ name }) => v1?.parts.includes(name));
  assert.is(
    v1?.neededBytes,
    needed.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
  );
  assert.ok(published.adapter, "the tests need an adapter");
});

test("reads what SALMONN's authors publish, each part's share of each file", async () => {
  const { parts, files } = await plan(SALMONN);
  const stored = parts.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  const needed = files.filter((file) => file.parts.length > 0);
  assert.is(
    needed.reduce((sum, { neededBytes }) => sum + neededBytes!, 0),
    stored,
  );
  assert.equal(needed.at(-1)?.parts, ["Q-Former", "LoRA"]);
  for (const { name, neededBytes, tensorBytes, bytes } of needed)
    assert.ok(neededBytes! <= tensorBytes! && tensorBytes! < bytes!, name);
});

test("--dtype plans for a converted model, --tokens for other answers", async () => {
  const [as, wide, long] = [
    await plan(DEMO),
    await plan(DEMO, "--dtype", "f32"),
    await plan(DEMO, "--tokens", "373"),
  ];
  assert.is(as.files.length, 6);
  assert.equal(
    wide.files.map(({ name, neededBytes, bytes }) => [name, neededBytes, bytes]),
    [["model-*.safetensors", 12_350_208, null]],
  );
  assert.is(wide.parts[2]?.dtype, "f32");
  assert.ok(wide.memory.weights > as.memory.weights);
  assert.ok(long.memory.cache > as.memory.cache);
  assert.is(long.memory.weights, as.memory.weights);
  const { code, stderr } = await here("plan", "--model", DEMO, "--tokens", "374");
  assert.is(code, 1);
  assert.match(stderr, /^ahamask: plan: expected at most 373 --tokens, .*512 positions, got 374\n$/);
  assert.is((await here("plan", "--model", DEMO, "--dtype", "f8")).code, 2);
});

test("a config is enough, and so is a URL", () =>
  withFolder(async (folder) => {
    copyFileSync(join(ROOT, DEMO, "config.json"), join(folder, "config.json"));
    const whole = await plan(DEMO);
    const alone = await plan(folder);
    assert.equal(alone.parts, whole.parts);
    assert.equal(alone.memory, whole.memory);
    const files = ["model.safetensors", "config.json", "tokenizer.json"];
    const web = Object.fromEntries(files.map((file) => [`m/${file}`, demoFile(`model/${file}`)]));
    await withServer(serve(web), async (url) => {
      const there = await plan(`${url}/m`);
      assert.equal(there.parts, whole.parts);
      assert.equal(
        there.files.map(({ name, bytes }) => [name, bytes]),
        files.map((file) => [file, demoFile(`model/${file}`).length]),
      );
    });
  }));

test("what no adapter holds is said, and is exit code 1", () =>
  withFolder(async (folder) => {
    const config = JSON.parse(readText("models/demo/model/config.json"));
    Object.assign(config.text_config, { vocab_size: 2 ** 24, hidden_size: 4096, num_attention_heads: 32 });
    config.text_config.num_key_value_heads = 32;
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
    const { code, stdout } = await here("plan", "--model", folder);
    assert.is(code, 1);
    assert.match(stdout.replaceAll("\n", " "), /cannot run it: gpu: expected at most \d+ bytes a buffer/);
  }));

test("everything is planned where Dawn does not even load", async () => {
  const hook = `export const resolve = (name, context, next) => {
    if (name === "webgpu") throw new Error("cannot load");
    return next(name, context);
  }`;
  const register = `import { register } from "node:module"; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)})`;
  const noDawn = ["--import", `data:text/javascript,${encodeURIComponent(register)}`];
  const { code, stdout, stderr } = await start(["plan", "--model", "salmonn-13b"], undefined, noDawn).outcome;
  assert.equal([code, stderr], [0, ""]);
  assert.match(stdout, /^ {2}LLaMA +f16 +13015\.9 +26,031,728,640 +26,032,558,080 +27\.7 GB$/m);
  assert.match(stdout, /\nNo adapter was found here: cannot load\n/);
});

test("a GPU's memory is for its owner to know", async () => {
  const document = await plan(DEMO);
  const adapter = {
    ...document.adapter!,
    kind: "GPU",
    name: "A card",
    memoryBytes: null,
    refusal: null,
  } as const;
  assert.match(
    render({ ...document, adapter }),
    /\nA card can run it if it has 12\.8 MB of memory to spare\.\n/,
  );
});

test("an unknown name brings the nearest", async () => {
  for (const [name, remedy] of [
    ["salmon-13b", "did you mean salmonn-13b?"],
    ["qwen2", "did you mean qwen2-audio-7b?"],
    ["llama", "`ahamask plan --help` shows examples"],
  ]) {
    const { code, stdout, stderr } = await here("plan", "--model", name!);
    assert.equal([code, stdout], [1, ""]);
    assert.is(
      stderr,
      "ahamask: plan: expected a model's folder, its URL, a YAML, or one of qwen2-audio-7b, salmonn-13b, " +
        `got '${name}'; ${remedy}\n`,
    );
  }
  const { code, stderr } = await here("plan", "--model", "no/such/folder");
  assert.is(code, 1);
  assert.match(stderr, /no\/such\/folder/);
});

test.run();
