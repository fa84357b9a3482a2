import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LearnDocument } from "../../src/cli/learn-end.ts";
import { readMask } from "../../src/mask/mask-file.ts";
import { clipPath, command, here, ours, ROOT, start, withFolder } from "./command.ts";

const MODEL = "models/demo/model";
const DATA = "models/demo/data/gr.learn.jsonl";
const learning = (out: string, ...args: string[]) => [
  ...["learn", "--model", MODEL, "--data", DATA, "--limit", "6", "--batch", "2", "--rate", "1"],
  ...["--out", out, ...args],
];
const learn = (out: string, ...args: string[]) => command(...learning(out, ...args));

/** The steps that a run has logged; a line that is being written does not count. */
const logged = (out: string) =>
  readFileSync(join(out, "log.jsonl"), "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, number>);

test("a run tells how it gets on, ends with a mask that can be used, and is not begun twice", () =>
  withFolder(async (folder) => {
    const out = join(folder, "gr");
    const args = ["--task", "gr", "--steps", "4", "--eval-every", "2", "--metric", "accuracy"];
    const outcome = await learn(out, ...args);
    assert.is(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stdout, /^ {2}layer 7 .*\n.* of 64 heads on/m);
    assert.match(outcome.stdout, /^ {2}best +accuracy \d+\.\d\d % after step [24]$/m);
    const use = outcome.stdout.match(/^ {2}use it +ahamask (run .*)$/m)![1]!;
    const said = ours(outcome).join("\n");
    assert.match(said, /^ahamask: learning from 5 rows$/m);
    assert.match(
      said,
      /^ahamask: step 4\/4, loss \d\.\d{3}, τ 0\.05, \d+\/64 heads, \d+ tokens\/s, 0 s left, accuracy \d+\.\d\d %$/m,
    );
    assert.equal(readdirSync(out).sort(), [
      "best.safetensors",
      "checkpoints",
      "config.json",
      "heads.svg",
      "log.jsonl",
      "loss.svg",
      "mask.bits",
      "mask.safetensors",
    ]);
    assert.ok(existsSync(join(folder, "cache")), "the clips' embeddings are beside the run");
    assert.equal(
      logged(out).map(({ step }) => step),
      [1, 2, 3, 4],
    );
    const first = logged(out)[0]!;
    for (const name of ["loss", "tau", "on", "tokensPerSecond", "bytes", "gradientNorm"])
      assert.type(first[name], "number", name);
    for (const name of ["heads.svg", "loss.svg"])
      assert.match(readFileSync(join(out, name), "utf8"), /^<svg [\s\S]*<\/svg>\s*$/);
    const mask = await readMask(readFileSync(join(out, "mask.safetensors")), "mask.safetensors");
    assert.is(mask.metadata.task, "gr");
    assert.equal(Buffer.from(mask.toBits()), readFileSync(join(out, "mask.bits")));

    const used = await command(...use.replace("FILE", clipPath("speech-000")).split(" "));
    assert.is(used.code, 0, used.stderr);

    const twice = await here(...learning(out, ...args));
    assert.is(twice.code, 1);
    assert.match(twice.stderr, /expected no run in .*gr, got one; add --resume to go on with it/);
    const other = await learn(out, ...args.slice(0, -2), "--metric", "exact", "--resume");
    assert.is(other.code, 1);
    assert.match(ours(other).at(-1)!, /got another \(validation\.metric "accuracy" instead of "exact"\)/);
    const again = await learn(out, ...args, "--resume", "--json");
    assert.is(again.code, 0, again.stderr);
    const document = JSON.parse(again.stdout) as LearnDocument;
    assert.equal([document.steps, document.rows, document.skipped, document.heads.of], [4, 5, [], 64]);
    assert.equal([document.mask, document.best!.metric], [join(out, "best.safetensors"), "accuracy"]);
    assert.ok(ours(again).includes("ahamask: step 4 of 4 is done; learning from 5 rows"));
  }));

test("Ctrl-C ends a run after its step, and it goes on where it was", () =>
  withFolder(async (folder) => {
    const [out, whole] = [join(folder, "run"), join(folder, "whole")];
    const { child, outcome } = start(learning(out, "--steps", "12"));
    while (child.exitCode === null && !(existsSync(join(out, "log.jsonl")) && logged(out).length > 1))
      await sleep(10);
    child.kill("SIGINT");
    const { code, stdout, stderr } = await outcome;
    assert.equal([code, stdout], [130, ""], stderr);
    assert.match(
      stderr,
      /^ahamask: interrupted: the run ends after this step, with a checkpoint; once more/m,
    );
    assert.match(stderr, /^ahamask: the run is kept in .*run; go on with --resume\nahamask: interrupted$/m);
    const steps = logged(out).length;
    assert.ok(steps >= 2 && steps < 12, `${steps} steps`);
    assert.equal(readdirSync(join(out, "checkpoints")), [`${`${steps}`.padStart(6, "0")}.safetensors`]);
    const resumed = await learn(out, "--steps", "12", "--resume");
    assert.is(resumed.code, 0, resumed.stderr);
    assert.ok(ours(resumed).includes(`ahamask: step ${steps} of 12 is done; learning from 6 rows`));
    await learn(whole, "--steps", "12");
    for (const file of ["mask.safetensors", "mask.bits"])
      assert.equal(readFileSync(join(out, file)), readFileSync(join(whole, file)), file);
  }));

test("a full disk ends a run with its checkpoints intact, where one may be mounted", () =>
  withFolder(async (folder) => {
    const out = join(folder, "run");
    mkdirSync(out);
    const mount = (size: string) =>
      spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", out]).status === 0;
    // learn-run.test.ts fills a disk without one.
    if (!mount("16k")) return console.log("no disk was filled: only root may mount one");
    try {
      const args = ["--steps", "4", "--checkpoint-every", "1"];
      const full = await learn(out, ...args);
      assert.is(full.code, 1);
      assert.match(
        ours(full).at(-1)!,
        /^ahamask: write: expected to write '.*', got a full disk; free some space; the run is kept up to step \d in .*run: resume it$/,
      );
      spawnSync("mount", ["-o", "remount,size=1m", out]);
      const resumed = await learn(out, ...args, "--resume");
      assert.is(resumed.code, 0, resumed.stderr);
      assert.equal(
        logged(out).map(({ step }) => step),
        [1, 2, 3, 4],
      );
    } finally {
      spawnSync("umount", [out]);
    }
  }));

test("rows that cannot be used are counted and named, and the others learned from", () =>
  withFolder(async (folder) => {
    const file = join(folder, "mixed.jsonl");
    const audio = join(ROOT, clipPath("speech-000"));
    const rows = [
      { audio, text: "male" },
      { audio },
      { audio: "nowhere.flac", text: "male" },
      { audio, text: "the speaker is male" },
    ];
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const out = join(folder, "run");
    const args = [
      "--model",
      MODEL,
      "--data",
      file,
      "--out",
      out,
      "--steps",
      "1",
      "--batch",
      "1",
      "--max-chars",
      "10",
      "--json",
    ];
    const outcome = await command("learn", ...args);
    assert.is(outcome.code, 0, outcome.stderr);
    const { rows: learned, skipped } = JSON.parse(outcome.stdout) as LearnDocument;
    assert.equal([learned, skipped.map(({ row }) => row)], [1, [2, 4, 3]]);
    const said = ours(outcome).join("\n");
    assert.match(
      said,
      /2 of 4 rows cannot be used: row 2: expected 'text' to be a string, got nothing; row 4: expected a text of at most 10 characters, got 19/,
    );
    assert.match(said, /mixed\.jsonl: row 3: read: expected to read '.*nowhere\.flac', got nothing there/);
  }));

test("bad options and data are refused before anything is loaded", async () => {
  for (const [args, message] of [
    [["--steps", "0"], /Expected a whole number from 1/],
    [["--rate", "0"], /Expected a number above 0/],
    [["--rate", "11"], /expected rate\.peak of at most 10, got 11/],
    [["--accumulate", "3"], /expected accumulate to be a whole number from 1 to 2, got 3/],
    [["--tau-end", "5"], /expected tau\.end of at most tau\.start 4, got 5/],
    [["--warmup", "2"], /Expected a share from 0 to 1/],
    [["--gates", "firm"], /Allowed choices are hard, soft, sigmoid/],
    [["--metric", "following"], /Allowed choices are wer/],
    [["--eval-batch", "0"], /Expected a whole number from 1 to 1024/],
    [["--max-chars", "0"], /Expected a whole number of at least 1/],
    [["--heads", "3", "--lambda", "0"], /expected lambda above 0 with a budget/],
    [["--seed", "4294967296"], /Expected a whole number from 0 to 4294967295/],
  ] as const) {
    const { code, stdout, stderr } = await here(...learning("nowhere/run", ...args));
    assert.equal([code, stdout], [2, ""], stderr);
    assert.match(stderr, message);
  }
  for (const [args, message] of [
    [["--task", "asr"], /expected rows of task 'asr', got 'gr'/],
    [["--data", "nowhere.jsonl"], /expected to read 'nowhere\.jsonl', got nothing there/],
    [["--eval-data", "nowhere.jsonl"], /expected to read 'nowhere\.jsonl', got nothing there/],
    [["--limit", "1", "--patience", "2"], /two rows or more to hold out one for validation, got 1/],
  ] as const) {
    const { code, stderr } = await here(...learning("nowhere/run", ...args));
    assert.is(code, 1, stderr);
    assert.match(stderr, message);
  }
  const heads = await learn("/sys/kernel/run", "--heads", "65");
  assert.is(heads.code, 1);
  assert.match(
    ours(heads).at(-1)!,
    /expected budget \(heads to keep\) to be a whole number from 1 to 64, got 65/,
  );
});

test.run();
