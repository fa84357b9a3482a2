import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { command, here, ROOT, start, withFolder } from "./command.ts";

const MASKS = ["asr", "gr", "ser"].map((task) => `models/demo/masks/${task}.safetensors`);

test("overlap of masks needs no model and no GPU", () =>
  withFolder(async (folder) => {
    const { code, stdout, stderr } = await here("experiment", "overlap", "--mask", ...MASKS, "--out", folder);
    assert.is(code, 0, stderr);
    assert.match(stdout, /asr +gr +0\.\d{3} +0\.\d{3} +-?0\.\d{3} /);
    const document = JSON.parse(readFileSync(join(folder, "overlap/results.json"), "utf8"));
    assert.equal([document.name, document.model], ["overlap", null]);
    for (const file of ["overlap.svg", "layers.svg", "report.html"])
      assert.ok(existsSync(join(folder, "overlap", file)), file);
    const published = ["mask", "mask_runner"].map((stem) => `test/fixtures/masks/${stem}.pth`);
    const size = ["--layers", "4", "--heads", "8"];
    const bare = await here("experiment", "overlap", "--mask", ...published, ...size, "--out", folder);
    assert.is(bare.code, 0, bare.stderr);
    assert.match(bare.stdout, /mask_runner +4 × 8 /);
  }));

/** A study of one task in this folder, and the options to run it, short. */
function gender(folder: string): string[] {
  const study = join(folder, "study.json");
  const demo = join(process.cwd(), "models/demo");
  const task = {
    ...{ title: "gender", data: join(demo, "data/gr.eval.jsonl"), instruction: "tell me the gender" },
    masks: [join(demo, "masks/gr.safetensors")],
  };
  writeFileSync(study, JSON.stringify({ title: "Mine", tasks: { gr: task } }));
  const short = ["--limit", "2", "--max-new-tokens", "3"];
  return ["--model", "models/demo/model", "--data", study, "--out", join(folder, "out"), ...short];
}

test("one experiment of a study of one's own, and what changed since", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    const args = gender(folder);
    const { code, stdout, stderr } = await command("experiment", "single", ...args);
    assert.is(code, 0, stderr);
    assert.match(stdout, /One task, one mask/);
    assert.match(stderr, /single took \d+ s/);
    const file = join(out, "single/results.json");
    const document = JSON.parse(readFileSync(file, "utf8"));
    assert.is(document.command, `ahamask experiment single ${args.join(" ")}`);
    const same = await here("compare", file, file);
    assert.match(same.stdout, /^0 of 8 scores changed beyond noise/);

    const other = join(folder, "bf16");
    assert.is((await here("convert", "models/demo/model", "--out", other, "--dtype", "bf16")).code, 0);
    const forced = await command("experiment", "transfer", ...args, "--other", other);
    assert.is(forced.code, 0, forced.stderr);
    assert.match(
      forced.stdout,
      /Unless forced, the other model refuses: "mask: expected the model's\s+fingerprint/,
    );
    assert.match(forced.stdout, /Another model: [\s\S]*gr {2,}\d+ \[/);
  }));

test("a run that was killed asks nothing twice", () =>
  withFolder(async (folder) => {
    const book = join(folder, "out/answers.jsonl");
    const args = ["experiment", "single", ...gender(folder), "--batch", "2"];
    const answers = () => (existsSync(book) ? readFileSync(book, "utf8").split("\n").slice(0, -1) : []);
    const { child, outcome } = start(args);
    while (child.exitCode === null && answers().length < 4) await sleep(5);
    child.kill("SIGKILL");
    assert.is((await outcome).code, null, "it was killed before its end");
    const before = answers();
    assert.ok(before.length >= 4 && before.length < 16, `${before.length} of 16 answers`);
    const again = await command(...args);
    assert.is(again.code, 0, again.stderr);
    assert.equal(answers().slice(0, before.length), before);
    const keys = answers().map((line) => JSON.parse(line)[0]);
    assert.equal([keys.length, new Set(keys).size], [16, 16]);
  }));

test("what a mask saves is reckoned for a volume, a price and a power", () =>
  withFolder(async (folder) => {
    const use = ["--requests-per-day", "10", "--price", "2", "--watts", "65"];
    const { code, stderr } = await command("experiment", "cost", ...gender(folder), ...use);
    assert.is(code, 0, stderr);
    const [request, month] = JSON.parse(readFileSync(join(folder, "out/cost/results.json"), "utf8")).tables;
    assert.is(month.title, "Saved in 30 days of 10 requests each");
    assert.equal(month.columns.slice(-2), ["at 2 a million tokens", "kWh at 65 W"]);
    const [instruction, mask] = request.rows.map((row: (string | number)[]) => Number(row[2]));
    const saved = 300 * (instruction - mask);
    assert.equal(month.rows[0].slice(0, 2), ["gr", saved.toLocaleString("en")]);
    assert.is(month.rows[0].at(-2), ((saved / 1e6) * 2).toFixed(2));
  }));

test("README shows what docs/results has", () => {
  const { tables } = JSON.parse(readFileSync(join(ROOT, "docs/results/single/results.json"), "utf8"));
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const rows = readme.match(/^\| (transcribe|translate|gender|emotion|describe a sound) \|.*$/gm)!;
  const shown = rows.map((row) =>
    row
      .split("|")
      .slice(2, -1)
      .map((cell) => cell.replace(/[*\s]/g, "")),
  );
  const measured = tables[0].rows.map((row: string[]) =>
    [3, 4, 5, 6].map((column) => row[column]!.split(" ")[0]),
  );
  assert.equal(shown, measured);
});

test("bad usage and bad studies are said", async () => {
  const out = ["--out", "nowhere"];
  assert.is((await here("experiment", "nothing", ...out)).code, 2);
  assert.match((await here("experiment", "single", ...out)).stderr, /required option '--data/);
  assert.match(
    (await here("experiment", "single", "--data", "x", ...out)).stderr,
    /required option '--model/,
  );
  assert.match((await here("experiment", "single", "--mask", "x", ...out)).stderr, /--mask is for overlap/);
  await withFolder(async (folder) => {
    const study = join(folder, "study.json");
    for (const [text, message] of [
      ["{", /expected .* to be JSON with a 'title' and 'tasks'/],
      ['{"title": "x", "tasks": {}}', /to be JSON with a 'title' and 'tasks'/],
      ['{"title": "x", "tasks": {"a": {"title": "t"}}}', /a: expected 'data' to be a string, got nothing/],
      [
        '{"title": "x", "tasks": {"a": {"title": "t", "data": "d", "instruction": "i", "metric": "m"}}}',
        /a: expected 'metric' to be one of wer, .*, got "m"/,
      ],
      [
        '{"title": "x", "tasks": {"a": {"title": "t", "data": "d", "instruction": "i", "masks": "m"}}}',
        /a: expected 'masks' to be a list of strings, got "m"/,
      ],
      [
        '{"title": "x", "tasks": {"a": {"title": "t", "data": "d", "instruction": "i", "format": {"separator": "|"}}}}',
        /a: expected 'format' to have a separator and parts, or keys, each with a 'metric', got \{"separator":"\|"\}/,
      ],
      [
        '{"title": "x", "tasks": {"a": {"title": "t", "data": "d", "instruction": "i", "format": {"keys": {"k": {"metric": "m"}}}}}}',
        /a: expected 'format' to have a separator and parts, or keys, each with a 'metric', got/,
      ],
      ['{"title": "x", "tasks": {"a": null}}', /a: expected an object, got null/],
      [
        '{"title": "x", "tasks": {"a": {"title": "t", "data": "d", "instruction": "i"}, "b": {"title": "t", "data": "d", "instruction": "i"}}}',
        /expected tasks of .* to have titles of their own, got 't' twice/,
      ],
      [
        '{"title": "x", "tasks": {"a": {"title": "t", "data": "d", "instruction": "i", "of": ["b", "a"]}}}',
        /a: expected 'of' to name two tasks of the study, got \["b","a"\]/,
      ],
      [
        '{"title": "x", "published": "study.json", "tasks": {"a": {"title": "t", "data": "d", "instruction": "i"}}}',
        /study\.json to be JSON with 'source', 'checked' and 'tables', got something else/,
      ],
    ] as const) {
      writeFileSync(study, text);
      const { code, stderr } = await here(
        "experiment",
        "overlap",
        "--data",
        study,
        "--out",
        join(folder, "out"),
      );
      assert.is(code, 1, stderr);
      assert.match(stderr, message);
    }
    assert.match((await here("compare", study, study)).stderr, /to be the results.json of an experiment/);
  });
});

test.run();
