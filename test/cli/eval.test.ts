import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { EvalDocument } from "../../src/cli/eval.ts";
import { HeadMask } from "../../src/mask/head-mask.ts";
import { writeMask } from "../../src/mask/mask-file.ts";
import { expected } from "../model/demo-model.ts";
import { command, here, ours, ROOT, start, withFolder } from "./command.ts";

const MODEL = "models/demo/model";
const MASK = "models/demo/masks/pytorch/gr.safetensors";
const data = (task: string) => `models/demo/data/${task}.eval.jsonl`;
const evaluate = (...args: string[]) => command("eval", "--model", MODEL, ...args);

/** The lines of a JSON Lines file. */
const lines = (path: string) =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const clips = (n: number) => Array.from({ length: n }, (_, i) => `speech-00${i}`);

test("a mask's answers are transformers', the scores follow, and a rerun goes on from --out and --cache", () =>
  withFolder(async (folder) => {
    const [out, cache] = [join(folder, "gr.jsonl"), join(folder, "cache")];
    const args = ["--data", data("gr"), "--task", "gr", "--mask", MASK, "--metrics", "exact", "--json"];
    const kept = ["--out", out, "--cache", cache];
    const texts = clips(5).map((clip) => expected(clip, "mask", "gr").text);

    const first = await evaluate(...args, ...kept, "--limit", "3", "--batch", "2");
    assert.is(first.code, 0, first.stderr);
    const [header, ...rows] = lines(out);
    assert.equal(Object.keys(header!), ["ahamask", "model", "data", "prompt", "mask", "maxNewTokens"]);
    assert.equal(
      rows.map(({ row, hypothesis }) => [row, hypothesis]),
      texts.slice(0, 3).map((text, i) => [i + 1, text]),
    );
    assert.is(readdirSync(cache, { recursive: true }).length, 1 + 3); // a folder of the model's fingerprint

    // As if interrupted while the third row was written; the second is marked, to tell it from one made anew.
    const torn = readFileSync(out, "utf8").replace('"row":2', '"row":2,"kept":true');
    writeFileSync(out, torn.slice(0, -20));
    const second = await evaluate(...args, ...kept, "--limit", "5");
    assert.is(second.code, 0, second.stderr);
    assert.ok(ours(second).includes(`ahamask: 2 of 5 rows are in ${out} already`), second.stderr);
    const resumed = lines(out).slice(1);
    assert.equal(
      resumed.map(({ hypothesis, kept: marked = false }) => [hypothesis, marked]),
      texts.map((text, i) => [text, i === 1]),
    );
    const references = lines(join(ROOT, data("gr"))).map(({ text }) => text);
    const right = texts.filter((text, i) => text === references[i]).length;
    const { scores, ...document } = JSON.parse(second.stdout) as EvalDocument;
    assert.equal(
      scores.map(({ name, value }) => [name, value]),
      [["exact", (100 * right) / 5]],
    );
    assert.is(document.fingerprint, header!.model);
    assert.equal([document.rows, document.skipped, document.mask], [5, [], MASK]);

    const refused = await evaluate(...args.slice(0, 4), "--prompt", "x", ...kept);
    assert.is(refused.code, 1);
    assert.match(
      ours(refused).at(-1)!,
      /got those of another \(prompt "" instead of "x", mask "[0-9a-f]+" instead of null\)/,
    );
  }));

test("Ctrl-C leaves whole rows, and the same command goes on", () =>
  withFolder(async (folder) => {
    const out = join(folder, "asr.jsonl");
    const { prompt } = expected("speech-000", "instruction", "asr");
    const args = [
      "eval",
      "--model",
      MODEL,
      "--data",
      data("asr"),
      "--prompt",
      prompt,
      "--batch",
      "1",
      "--out",
      out,
    ];
    const { child, outcome } = start([...args, "--limit", "48"]);
    const watch = setInterval(() => {
      const written = readdirSync(folder).includes("asr.jsonl")
        ? readFileSync(out, "utf8").split("\n").length
        : 0;
      if (written <= 3) return;
      clearInterval(watch);
      child.kill("SIGINT"); // once: a second one means "leave at once"
    }, 20);
    const { code, stdout, stderr } = await outcome.finally(() => clearInterval(watch));
    assert.is(code, 130, stderr);
    assert.is(stdout, "");
    assert.match(stderr, /^ahamask: interrupted$/m);
    const written = lines(out).length - 1;
    assert.ok(written >= 2 && written < 48, `${written} rows`);
    const again = await command(...args, "--limit", String(written + 1));
    assert.is(again.code, 0, again.stderr);
    assert.ok(ours(again).includes(`ahamask: ${written} of ${written + 1} rows are in ${out} already`));
    assert.match(again.stdout, /^ *exact .*\n *wer /m);
  }));

test("rows that cannot be used are named, and the others scored; a row's own question is asked", () =>
  withFolder(async (folder) => {
    const file = join(folder, "mixed.jsonl");
    const { prompt: question, text } = expected("speech-000", "instruction", "gr");
    const audio = join(ROOT, "models/demo/clips/eval/speech-000.flac");
    const rows = [{ audio, text, question }, { audio }, { audio: "nowhere.flac", text }];
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const outcome = await evaluate("--data", file, "--metrics", "exact", "--json");
    assert.is(outcome.code, 1);
    const { scores, rows: answered, skipped } = JSON.parse(outcome.stdout) as EvalDocument;
    assert.equal([answered, scores[0]!.value], [1, 100]);
    assert.equal(
      skipped.map(({ row }) => row),
      [2, 3],
    );
    const said = ours(outcome).join("\n");
    assert.match(said, /1 of 3 rows cannot be used: row 2: expected 'text' to be a string, got nothing/);
    assert.match(said, /row 3: read: expected to read '.*nowhere\.flac', got nothing there/);
  }));

test("a mask learned under an instruction is asked with it; labels tell answers that are none", () =>
  withFolder(async (folder) => {
    const { prompt } = expected("speech-000", "instruction", "asr");
    const file = join(folder, "under.safetensors");
    const all = HeadMask.fromLogits(8, 8, new Float32Array(64).fill(1)).withMetadata({ prompt });
    writeFileSync(file, writeMask(all));
    const args = ["--data", data("gr"), "--limit", "2", "--mask", file, "--labels", "female, male"];
    const outcome = await evaluate(...args, "--metrics", "accuracy", "--json", "--out", join(folder, "out"));
    assert.is(outcome.code, 0, outcome.stderr);
    const { prompt: asked, scores } = JSON.parse(outcome.stdout) as EvalDocument;
    assert.equal([asked, scores[0]!.value, scores[0]!.details], [prompt, 0, { unlabelled: 100 }]);
    const texts = lines(join(folder, "out")).slice(1);
    assert.equal(
      texts.map(({ hypothesis }) => hypothesis),
      clips(2).map((clip) => expected(clip, "instruction", "asr").text),
    );
    assert.match(ours(outcome).join("\n"), /the mask was learned under an instruction, which is given too: /);
  }));

test("composite answers: how many have the form, and how right their parts are", async () => {
  const parts = [{ metric: "accuracy", labels: ["male", "female"] }, { metric: "accuracy" }];
  const format = JSON.stringify({ separator: "|", parts });
  const args = ["--data", data("gr_ser"), "--limit", "2", "--prompt", "gender|emotion please"];
  const { code, stdout, stderr } = await evaluate(
    ...args,
    "--metrics",
    "following",
    "--format",
    format,
    "--json",
  );
  assert.is(code, 0, stderr);
  const { scores } = JSON.parse(stdout) as EvalDocument;
  assert.equal([scores[0]!.name, scores[0]!.value], ["following", 100]);
  const { strict } = scores[0]!.details as { strict: { parts: Record<string, { metric: string }> } };
  assert.equal(
    Object.values(strict.parts).map(({ metric }) => metric),
    ["accuracy", "accuracy"],
  );
});

test("a random mask is its seed's; a results file that is none is left alone", () =>
  withFolder(async (folder) => {
    const out = join(folder, "notes.txt");
    appendFileSync(out, "my notes\n");
    const args = ["--data", data("gr"), "--limit", "1", "--max-new-tokens", "2"];
    const notes = await evaluate(...args, "--out", out);
    assert.is(notes.code, 1);
    assert.match(
      ours(notes).at(-1)!,
      /to hold an evaluation's results, got 'my notes'; choose another --out/,
    );
    assert.is(readFileSync(out, "utf8"), "my notes\n");
    const outcome = await evaluate(...args, "--random-mask", "65,1");
    assert.match(ours(outcome).at(-1)!, /mask: expected 0 to 64 heads on, got 65/);
  }));

test("bad options and data are refused before anything is loaded", async () => {
  const common = ["eval", "--model", "nowhere", "--data"];
  for (const [args, message] of [
    [["--prompt", "x", "--mask", "m"], /--prompt, --mask and --random-mask exclude each other; choose one/],
    [["--random-mask", "3"], /Expected the heads on and a seed, such as 41,0/],
    [["--random-mask", "3,4294967296"], /Expected the heads on and a seed/],
    [["--metrics", "exact,wr"], /Expected .*exact.*got 'wr'/],
    [["--metrics", "following"], /--metrics following and --format need each other/],
    [
      ["--format", '{"keys": {"text": {"metric": "wer"}}}'],
      /--metrics following and --format need each other/,
    ],
    [["--format", "|"], /Expected JSON such as {"separator"/],
    [
      ["--format", '{"separator": "|", "parts": [{"metric": "following"}]}'],
      /each part's metric among wer, cer/,
    ],
    [["--format", '{"keys": {"x": {"metric": "wer", "labels": [1]}}}'], /labels to be a list of texts/],
    [["--labels", "a,,b"], /Expected labels such as female,male, got 'a,,b'/],
    [["--labels", "a"], /--labels is of use only with --metrics accuracy/],
    [["--limit", "0"], /Expected a whole number of at least 1/],
  ] as const) {
    const { code, stdout, stderr } = await here(...common, data("asr"), ...args);
    assert.is(code, 2, stderr);
    assert.is(stdout, "");
    assert.match(stderr, message);
  }
  for (const [args, message] of [
    [
      [data("asr"), "--metrics", "following", "--format", '{"keys": {"text": {"metric": "wer"}}}'],
      /following: expected references of JSON of texts with the keys text, got "set the heat/,
    ],
    [[data("gr"), "--metrics", "accuracy", "--labels", "a"], /expected references among a, got "(fe)?male"/],
    [[data("asr"), "--max-chars", "1"], /expected rows, got \d+ that cannot be used/],
    [["nowhere.jsonl"], /expected to read 'nowhere\.jsonl', got nothing there/],
    [["README.md"], /README\.md: expected JSON Lines/],
    [[data("asr"), "--task", "s2tt"], /expected rows of task 's2tt', got 'asr'/],
    [[data("asr"), "--mask", "m.bits"], /expected to read 'm\.bits', got nothing there/],
  ] as const) {
    const { code, stderr } = await here(...common, ...args);
    assert.is(code, 1, stderr);
    assert.match(stderr, message);
  }
});

test.run();
