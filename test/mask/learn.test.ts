import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { LearnError } from "../../src/mask/errors.ts";
import type { Lesson } from "../../src/mask/examples.ts";
import { Learner, type StepReport } from "../../src/mask/learn.ts";
import type { LearnSettings } from "../../src/mask/learn-settings.ts";
import { randomDecoder } from "../model/random-decoder.ts";
import { normals } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import { tinyModel } from "./tiny-model.ts";

const gpu = await openGpu();
const WIDTH = 16;
const lm = randomDecoder(gpu, {
  vocab: 24,
  width: WIDTH,
  ffn: 24,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 4,
  eps: 1e-6,
  ropeTheta: 1e4,
  maxPositions: 16,
  tied: false,
});
const AUDIO = 20; // stands for a clip
const model = tinyModel(lm, { audioToken: AUDIO, stop: 2 });
const HEADS = 8;
test.after(() => {
  model.dispose();
  gpu.dispose();
});

const lesson = (name: string, tokens: number, text: string): Lesson => ({
  name,
  audio: { tokens, embeddings: Float32Array.from(normals(tokens * WIDTH, tokens)) },
  prompt: `1 ${AUDIO} 3`,
  text,
});
const LESSONS = [
  lesson("a.wav", 2, "5 6"),
  lesson("b.wav", 3, "7 8 9"),
  lesson("c.wav", 4, "10"),
  lesson("d.wav", 6, "4 11"),
];
const QUICK = { steps: 6, batch: 3, rate: { start: 1e-3, peak: 0.1, end: 1e-3, warmup: 0.1 }, seed: 3 };

const learner = (settings: Partial<LearnSettings> = {}, lessons: readonly Lesson[] = LESSONS) =>
  new Learner(model, lessons, { ...QUICK, ...settings });

/** Steps until the end; what each said, but for the time it took. */
async function finish(run: Learner, steps = Number.POSITIVE_INFINITY) {
  const reports: Omit<StepReport, "ms">[] = [];
  while (!run.done && reports.length < steps) {
    const { ms, ...report } = await run.step();
    assert.ok(ms > 0);
    reports.push(report);
  }
  return reports;
}

test("the same run gives the same reports and the same mask, bit for bit; another seed others", async () => {
  const [one, two, other] = [learner(), learner(), learner({ seed: 4 })];
  const reports = await finish(one);
  assert.equal(await finish(two), reports);
  assert.equal(one.state, two.state);
  assert.equal(one.mask().toBits(), two.mask().toBits());
  assert.not.equal(await finish(other), reports);
  assert.is(reports.length, QUICK.steps);
  assert.equal(reports.map(({ step }) => step), [1, 2, 3, 4, 5, 6]); // biome-ignore format: a line
  assert.is(reports.at(-1)!.on, one.mask().count);
  assert.is(one.mask().metadata.fingerprint, "tiny");
});

test("a run that is restored half-way goes on bit for bit", async () => {
  const [whole, first, second] = [learner(), learner(), learner()];
  const reports = await finish(whole);
  await finish(first, 3);
  const saved = structuredClone(first.state);
  second.restore(saved);
  assert.equal(await finish(second), reports.slice(3));
  assert.equal(second.state, whole.state);
  assert.equal(first.state, saved, "a state is not changed by the steps that follow it");
  throwsLearnError(
    () => second.restore({ ...saved, logits: new Float32Array(9) }),
    "learn: expected a state of 8 heads, got 9",
  );
});

test("every kind of gate learns, and what is kept for the way back changes no bit", async () => {
  for (const gates of ["hard", "soft", "sigmoid"] as const) {
    const [kept, again] = [learner({ gates }), learner({ gates, keepBytes: 0 })];
    const reports = await finish(kept, 2);
    assert.equal(await finish(again, 2), reports, gates);
    for (const { loss, gradientNorm } of reports) assert.ok(loss > 0 && gradientNorm > 0, gates);
  }
});

test("the mean loss falls, and the price of heads turns some off", async () => {
  const free = learner({ steps: 40, lambda: 0, batch: 8, init: { mean: 1, std: 0.02 } });
  const reports = await finish(free);
  const mean = (part: typeof reports) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
  assert.ok(mean(reports.slice(-10)) < mean(reports.slice(0, 10)) - 0.05, "the loss");
  const dear = learner({ steps: 40, lambda: 10, init: { mean: 1, std: 0.02 } });
  await finish(dear);
  assert.is(dear.mask().count, 0, "a price that nothing is worth");
});

test("a budget is kept exactly at the end, and the price moves towards it", async () => {
  for (const budget of [1, 3, HEADS]) {
    const run = learner({ steps: 20, budget, lambda: 0.01 });
    const reports = await finish(run);
    assert.is(run.mask().count, budget);
    const lambdas = reports.map(({ lambda }) => lambda);
    assert.is(lambdas[0], 0.01);
    if (budget < HEADS) assert.ok(lambdas[1]! > lambdas[0]!, "dearer while too many are on");
    else assert.ok(lambdas[1]! < lambdas[0]!, "cheaper while more may be on");
    const order = [...run.state.logits.keys()].sort((a, b) => run.state.logits[b]! - run.state.logits[a]!);
    const kept = new Set(order.slice(0, budget));
    assert.equal(
      [...run.mask().gates()],
      Array.from({ length: HEADS }, (_, i) => Number(kept.has(i))),
    );
  }
});

test("an epoch goes through every lesson once, across batches", async () => {
  const tokens = LESSONS.map((_, i) => learner().examples[i]!).map(
    ({ prompt, answer }) => prompt.ids.length + answer.length,
  );
  assert.is(new Set(tokens).size, LESSONS.length, "lessons that their length tells apart");
  const seen = (await finish(learner({ steps: 12, batch: 1 }))).map((report) => report.tokens);
  for (let epoch = 0; epoch < 3; epoch++)
    assert.equal(seen.slice(4 * epoch, 4 * epoch + 4).sort(), [...tokens].sort(), `epoch ${epoch}`);
  const [first] = await finish(learner({ batch: 4, accumulate: 3 }), 1);
  assert.is(first!.tokens, tokens.reduce((a, b) => a + b, 0)); // biome-ignore format: a line
});

test("a loss that is no number names the step and the clip, and leaves the state", async () => {
  const bad = lesson("bad.wav", 4, "5");
  (bad.audio as { embeddings: Float32Array }).embeddings[7] = Number.NaN;
  const run = learner({ batch: 2, accumulate: 2 }, [LESSONS[0]!, bad]);
  const before = structuredClone(run.state);
  await expectRejects(
    run.step(),
    LearnError,
    /^learn: expected a finite loss in step 1, got NaN for bad\.wav; listen to the clip, check the weights, or begin a run with a lower rate$/,
  );
  assert.equal(run.state, before);
});

test("an infinite loss stops learning too", async () => {
  const sign = (i: number) => (Math.floor(i / WIDTH) % 2 ? -1 : 1);
  const rows = Float32Array.from({ length: lm.vocab * WIDTH }, (_, i) =>
    i % WIDTH < 4 ? 1e38 * sign(i) : 0,
  );
  using head = gpu.upload("head", [lm.vocab, WIDTH], rows); // logits that differ by more than f32 holds
  const broken = tinyModel({ ...lm, head }, { audioToken: AUDIO, stop: 2 });
  const run = new Learner(broken, [lesson("far.wav", 2, "6")], { ...QUICK, batch: 1 });
  const before = run.state;
  await expectRejects(
    run.step(),
    LearnError,
    /^learn: expected a finite loss in step 1, got Infinity for far\.wav; listen to the clip/,
  );
  assert.equal(run.state, before);
});

test("a gradient that is no number stops learning, naming step and clips", async () => {
  const run = learner({ batch: 2, lambda: 1e300 }); // a price that f32 cannot hold
  const before = run.state;
  await expectRejects(
    run.step(),
    LearnError,
    /^learn: expected a finite gradient in step 1, got (Infinity|NaN) from [a-d]\.wav, [a-d]\.wav; check/,
  );
  assert.equal(run.state, before);
});

test("lessons that cannot be learned are named", () => {
  throwsLearnError(() => learner({}, []), "learn: expected at least one lesson, got none");
  throwsLearnError(
    () => learner({}, [LESSONS[0]!, lesson("b.wav", 2, " ")]),
    "learn: b.wav: expected an answer to learn, got an empty text",
  );
  throwsLearnError(
    () => learner({}, [lesson("long.wav", 10, "5 6 7 8")]),
    "learn: long.wav: expected at most 16 tokens (the model's positions), got 17; use a shorter clip or text",
  );
  assert.is(learner({}, [lesson("fits.wav", 10, "5 6 7")]).examples.length, 1);
});

const { rate } = QUICK;
const tau = { start: 4, end: 0.05, share: 0.3 };
const init = { mean: 4, std: 0.02 };
const BAD: [Partial<LearnSettings>, string][] = [
  [{ steps: 0 }, "steps to be a whole number from 1 to 1000000000, got 0"],
  [{ steps: 1.5 }, "steps to be a whole number from 1 to 1000000000, got 1.5"],
  [{ batch: 0 }, "batch to be a whole number from 1 to 65536, got 0"],
  [{ accumulate: 4 }, "accumulate to be a whole number from 1 to 3, got 4"],
  [{ seed: -1 }, "seed to be a whole number from 0 to 4294967295, got -1"],
  [{ seed: 2 ** 32 }, "seed to be a whole number from 0 to 4294967295, got 4294967296"],
  [{ keepBytes: -1 }, `keepBytes to be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, got -1`],
  [{ budget: 0 }, "budget (heads to keep) to be a whole number from 1 to 8, got 0"],
  [{ budget: 9 }, "budget (heads to keep) to be a whole number from 1 to 8, got 9"],
  [{ rate: { ...rate, start: 0 } }, "rate.start above 0, got 0"],
  [{ rate: { ...rate, peak: Number.NaN } }, "rate.peak above 0, got NaN"],
  [{ rate: { ...rate, peak: 11 } }, "rate.peak of at most 10, got 11"],
  [{ rate: { ...rate, end: -1 } }, "rate.end above 0, got -1"],
  [{ rate: { ...rate, warmup: 1.1 } }, "rate.warmup to be a share from 0 to 1, got 1.1"],
  [{ tau: { ...tau, start: 0 } }, "tau.start above 0, got 0"],
  [{ tau: { ...tau, end: 0 } }, "tau.end above 0, got 0"],
  [{ tau: { ...tau, end: 5 } }, "tau.end of at most tau.start 4, got 5"],
  [{ tau: { ...tau, share: -0.1 } }, "tau.share to be a share from 0 to 1, got -0.1"],
  [{ lambda: -1 }, "lambda of at least 0, got -1"],
  [{ lambda: Number.NaN }, "lambda of at least 0, got NaN"],
  [{ lambda: 0, budget: 3 }, "lambda above 0 with a budget, since it is steered from there, got 0"],
  [{ gates: "firm" as "hard" }, "gates hard, soft or sigmoid, got firm"],
  [{ init: { ...init, mean: Number.NaN } }, "init.mean to be a number, got NaN"],
  [{ init: { ...init, std: -1 } }, "init.std of at least 0, got -1"],
];
for (const [settings, message] of BAD)
  test(`refused: ${message}`, () => throwsLearnError(() => learner(settings), `learn: expected ${message}`));

function throwsLearnError(run: () => unknown, message: string): void {
  assert.throws(run, (error: unknown) => {
    assert.instance(error, LearnError);
    assert.is((error as LearnError).message, message);
    return true;
  });
}

test.run();
