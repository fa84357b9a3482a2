/** Every experiment, whole, on the demo model and two clips of three tasks. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readFile } from "#files";
import { EXPERIMENTS, type ExperimentName } from "../../src/experiments/catalogue.ts";
import { compareResults } from "../../src/experiments/compare.ts";
import { difference, pooled, verdict } from "../../src/experiments/conditions.ts";
import type { Findings } from "../../src/experiments/findings.ts";
import { Lab } from "../../src/experiments/lab.ts";
import { report } from "../../src/experiments/report.ts";
import { formatResults, parseResults, ResultsError, results } from "../../src/experiments/results.ts";
import { scored } from "../../src/experiments/score.ts";
import { namesOf, readStudy, type Study } from "../../src/experiments/study.ts";
import { parseStudy } from "../../src/experiments/study-file.ts";
import { type Gpu, openGpu } from "../../src/gpu/index.ts";
import { decodeText } from "../../src/io/source.ts";
import { memoryStore } from "../../src/io/store.ts";
import type { AudioLanguageModel } from "../../src/model/audio-model.ts";
import type { TextMetric } from "../../src/tasks/metrics.ts";
import { demoMask, loadDemo } from "../model/demo-model.ts";

const ORIGIN = { model: "demo", fingerprint: "f", adapter: "a", study: "s", command: "c" };

let gpu: Gpu;
let model: AudioLanguageModel;
let study: Study;
const answers = memoryStore("answers");
const clips = memoryStore("clips");
const found = new Map<ExperimentName, Findings>();

const openLab = () => Lab.open(model, answers, clips, { limit: 2, maxNewTokens: 4, batch: 8 });

test.before(async () => {
  gpu = await openGpu();
  model = await loadDemo(gpu);
  const whole = await readStudy("models/demo/study.json");
  const tasks = await Promise.all(
    whole.tasks
      .filter(({ name }) => ["gr", "ser", "gr_ser"].includes(name))
      .map(async (task) => ({
        ...task,
        wordings: new Map([...task.wordings].map(([group, words]) => [group, words.slice(0, 1)])),
        // PyTorch's masks stand for those of another seed
        masks: [
          ...task.masks,
          { name: "pytorch", mask: await demoMask(`masks/pytorch/${task.name}.safetensors`) },
        ],
        unseen: new Set(task.rows.slice(1, 2).flatMap(({ audio }) => audio)),
      })),
  );
  study = { ...whole, tasks };
});

test.after(() => {
  model.dispose();
  gpu.dispose();
});

for (const name of Object.keys(EXPERIMENTS) as ExperimentName[])
  test(`${name} has tables, figures that are SVG, and results that can be read again`, async () => {
    const findings = await EXPERIMENTS[name](await openLab(), study, { cost: { requestsPerDay: 1000 } });
    found.set(name, findings);
    assert.is(findings.name, name);
    assert.ok(findings.tables.length > 0 && findings.figures.length > 0);
    for (const { columns, rows } of findings.tables)
      for (const row of rows) assert.is(row.length, columns.length, `${name}: ${columns}`);
    for (const { svg } of findings.figures) {
      assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="800"/);
      assert.not.match(svg, /NaN|undefined|Infinity/);
    }
    const document = results(findings, ORIGIN);
    assert.equal(parseResults(formatResults(document), "x"), JSON.parse(JSON.stringify(document)));
  });

test("what was answered once is not asked again, by other experiments and later runs neither", async () => {
  const before = gpu.submits;
  const again = await EXPERIMENTS.single(await openLab(), study);
  assert.is(gpu.submits, before);
  assert.equal(again.scores, found.get("single")!.scores);
});

test("a line that was cut short is dropped, and its answer asked again", async () => {
  const bytes = (await answers.read("answers.jsonl"))!;
  await answers.write("answers.jsonl", bytes.subarray(0, -5));
  const { submits } = gpu;
  const all = await Promise.all(
    (["single", "composite", "sensitivity", "pathway", "rome", "algebra", "transfer"] as const).map(
      async (name) => EXPERIMENTS[name](await openLab(), study, { cost: { requestsPerDay: 1 } }),
    ),
  );
  assert.ok(gpu.submits > submits);
  for (const { name, scores } of all) assert.equal(scores, found.get(name as ExperimentName)!.scores, name);
});

test("the report is one page that asks for nothing", () => {
  const page = report("A study", ORIGIN, [...found.values()]);
  assert.not.match(page.replace(/xmlns="[^"]*"/g, ""), /https?:|src=|@import|<script/);
  for (const { title } of found.values()) assert.ok(page.includes(title), title);
});

test("a random mask has as many heads on as the learned one, and the five differ", () => {
  const { tables } = found.get("single")!;
  assert.match(String(tables[0]!.rows[0]![7]), /^25 of 64$/);
  const draws = found.get("single")!.scores.filter(({ condition }) => condition.startsWith("random mask"));
  assert.is(draws.length, 2 * 5);
});

test("two results: a score that moved with every clip is beyond noise, one within it is not", () => {
  const score = (parts: readonly [number, number][], sample = "s") => ({
    ...{
      task: "t",
      condition: "c",
      metric: "exact" as const,
      better: "higher" as const,
      clips: parts.length,
    },
    ...{ value: 0, low: 0, high: 100, parts, sample },
  });
  const right = (count: number) =>
    Array.from({ length: 20 }, (_, i): [number, number] => [i < count ? 1 : 0, 1]);
  const file = (count: number, sample?: string) => ({
    ...results(found.get("overlap")!, ORIGIN),
    scores: [score(right(count), sample)],
  });
  const [moved] = compareResults(file(2), file(18)).changes;
  assert.is(moved!.beyond, true);
  assert.is(moved!.difference!.value, 80);
  assert.is(compareResults(file(10), file(11)).changes[0]!.beyond, false);
  assert.is(compareResults(file(2), file(18, "other clips")).changes[0]!.difference, undefined);
  const other = { ...file(1), scores: [{ ...score(right(1)), condition: "d" }] };
  assert.equal(compareResults(file(1), other), { changes: [], onlyBefore: ["t, c"], onlyAfter: ["t, d"] });
});

test("a verdict takes six clips, and says which way it goes", () => {
  const scoredAs = (right: number, of: number, metric: TextMetric = "exact") => {
    const pairs = Array.from({ length: of }, (_, i) => ({
      hypothesis: i < right ? "a" : "b",
      reference: "a",
    }));
    return scored(metric, pairs, "s");
  };
  assert.match(verdict(scoredAs(5, 5), scoredAs(0, 5), "it"), /^too few clips to tell the mask from it$/);
  assert.is(verdict(scoredAs(6, 6), scoredAs(0, 6), "it", true), "the mask beats it (100 [100, 100])");
  assert.match(
    verdict(scoredAs(1, 20), scoredAs(18, 20), "it", true),
    /falls short .*, against the paper's claim$/,
  );
  assert.match(verdict(scoredAs(1, 20, "wer"), scoredAs(18, 20, "wer"), "it"), /^the mask falls short of it/);
  assert.match(verdict(scoredAs(9, 20), scoredAs(10, 20), "it"), /^no difference beyond noise/);
  assert.is(difference(scoredAs(6, 6), { ...scoredAs(6, 6), sample: "t" }), undefined);
  assert.is(pooled([scoredAs(6, 6), scoredAs(0, 6)]).value, 50);
});

test("a model of another map takes no mask even if forced: it is said, and what was measured at home stays", async () => {
  const small = { model: { ...{ name: "small", fingerprint: "f" }, layers: 2, heads: 2 } } as unknown as Lab;
  const options = { cost: { requestsPerDay: 1 }, other: small };
  const { remarks, tables } = await EXPERIMENTS.transfer(await openLab(), study, options);
  assert.match(remarks[0]!, /^Even forced, the other model refuses: "mask: expected 2 × 2 heads/);
  assert.equal(tables[0], found.get("transfer")!.tables[0]);
});

test("what is no results file is said", () => {
  for (const text of ["", "{}", "[1]", '{"ahamask": "eval"}'])
    assert.throws(
      () => parseResults(text, "x.json"),
      (error: Error) => error instanceof ResultsError,
    );
});

test("the study of SALMONN is one", async () => {
  const path = "docs/salmonn-study.json";
  const { tasks } = parseStudy(path, decodeText(path, await readFile(path)));
  assert.equal(
    Object.keys(tasks).filter((name) => tasks[name]!.format),
    ["asr_gr", "gr_asr", "asr_gr_json"],
  );
});

test("masks go by their files' names, by their folders where all are called checkpoint.pth, by both where two are alike", () => {
  assert.equal(namesOf(["a/asr_librispeech/checkpoint.pth", "b/gr/checkpoint.pth"]), [
    "asr_librispeech",
    "gr",
  ]);
  assert.equal(namesOf(["masks/asr.safetensors", "mask.bits"]), ["asr", "mask"]);
  assert.equal(namesOf(["masks/asr.safetensors", "masks/seeds/asr.safetensors", "gr.safetensors"]), [
    "masks/asr",
    "seeds/asr",
    "gr",
  ]);
});

test.run();
