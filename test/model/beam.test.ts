import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import { type BeamOptions, BeamSearch } from "../../src/model/beam.ts";
import { forbid, logSumExp, penalise, topCandidates } from "../../src/model/sample.ts";

interface Case {
  table: number;
  start: number;
  num_beams: number;
  length_penalty: number;
  early_stopping: boolean | "never";
  max_new_tokens: number;
  repetition_penalty?: number;
  min_new_tokens?: number;
  ids: number[];
  score: number;
}
interface Fixture {
  tables: { name: string; eos: number[]; logits: number[][][] }[];
  cases: Case[];
}
const { tables, cases }: Fixture = JSON.parse(readText("test/fixtures/generate/markov.json"));

/** Searches the table, whose logits depend on the step and the last token. */
function search(c: Omit<Case, "ids" | "score">): { ids: number[]; score: number; steps: number } {
  const { eos, logits } = tables[c.table]!;
  const beam = new BeamSearch({
    beams: c.num_beams,
    lengthPenalty: c.length_penalty,
    earlyStopping: c.early_stopping,
    eos,
    maxNewTokens: c.max_new_tokens,
  });
  let running = [[c.start]];
  for (let step = 0; ; step++) {
    const next = beam.next(
      running.map((ids) => {
        const row = Float32Array.from(logits[step % logits.length]![ids.at(-1)!]!);
        const logProbabilities = row.map((x) => x - logSumExp(row));
        penalise(logProbabilities, ids, c.repetition_penalty ?? 1);
        if (step < (c.min_new_tokens ?? 0)) forbid(logProbabilities, eos);
        return topCandidates(logProbabilities, beam.width, 0);
      }),
    );
    if (!next) return { ...beam.best(), steps: step + 1 };
    running = next.parents.map((parent, i) => [...running[parent]!, next.tokens[i]!]);
  }
}

for (const [index, { name }] of tables.entries()) {
  test(`${name}: ids and scores of transformers under every setting`, () => {
    const own = cases.filter(({ table }) => table === index);
    assert.ok(own.length > 100);
    for (const { ids, score, ...settings } of own) {
      const found = search(settings);
      assert.equal(found.ids, ids, JSON.stringify(settings));
      assert.ok(
        Math.abs(found.score - score) <= 1e-5 * Math.max(1, Math.abs(score)),
        `${JSON.stringify(settings)}: score ${found.score}, expected ${score}`,
      );
    }
  });
}

test("the settings matter: each changes some answer", () => {
  const answers = (change: Partial<Case>) =>
    cases.filter(({ table }) => table === 1).map((c) => search({ ...c, ...change }).ids);
  const differs = (a: Partial<Case>, b: Partial<Case>) =>
    assert.not.equal(answers(a), answers(b), JSON.stringify([a, b]));
  differs({ num_beams: 2 }, { num_beams: 4 });
  differs({ length_penalty: -0.5 }, { length_penalty: 2 });
  differs({ early_stopping: true }, { early_stopping: false });
  differs({ early_stopping: false }, { early_stopping: "never" });
});

test("one beam that stops early is greedy search", () => {
  const { eos, logits } = tables[1]!;
  for (let start = 0; start < 12; start++) {
    const greedy: number[] = [];
    for (let last = start; greedy.length < 17 && !eos.includes(greedy.at(-1) ?? -1); greedy.push(last))
      last = topCandidates(Float32Array.from(logits[greedy.length % logits.length]![last]!), 1).ids[0]!;
    const settings = { num_beams: 1, length_penalty: 1, early_stopping: true, max_new_tokens: 17 };
    assert.equal(search({ table: 1, start, ...settings }).ids, greedy);
  }
});

test("the search ends at maxNewTokens at the latest, and an unfinished hypothesis is an answer then", () => {
  const settings = { num_beams: 3, length_penalty: 1, early_stopping: "never", max_new_tokens: 9 } as const;
  const { ids, steps } = search({ table: 3, start: 0, ...settings });
  assert.is(steps, 9);
  assert.is(ids.length, 9);
});

const options: BeamOptions = {
  beams: 4,
  lengthPenalty: 1,
  earlyStopping: false,
  eos: [1, 2],
  maxNewTokens: 4,
};

test("width leaves enough hypotheses to go on with", () => {
  assert.is(new BeamSearch(options).width, 12);
  assert.is(new BeamSearch({ ...options, eos: [] }).width, 8);
});

test("scores are log-probabilities: a constant added to the logits changes nothing", () => {
  const first = (shift: number) => {
    const beam = new BeamSearch({ ...options, beams: 1, maxNewTokens: 1 });
    beam.next([topCandidates(Float32Array.of(0 + shift, 2 + shift, 1 + shift), 3)]);
    return beam.best();
  };
  assert.equal(first(0).ids, [1]);
  assert.ok(Math.abs(first(0).score - (2 - Math.log(1 + Math.E + Math.E ** 2))) < 1e-6);
  assert.ok(Math.abs(first(0).score - first(64).score) < 1e-5);
});

test("a vocabulary smaller than the width runs fewer hypotheses", () => {
  const beam = new BeamSearch({ ...options, eos: [2] });
  const row = topCandidates(Float32Array.of(3, 1, 2), 8);
  assert.equal(beam.next([row]), { parents: [0, 0], tokens: [0, 1] });
  assert.is(beam.next([row, row])!.tokens.length, 4);
});

test("a start token that counts makes cut answers longer, and the search longer", () => {
  const run = (maxNewTokens: number, startCounts: boolean, rows: number[][]) => {
    const beam = new BeamSearch({ ...options, beams: 1, eos: [1], maxNewTokens, startCounts });
    for (const row of rows)
      if (!beam.next([topCandidates(Float32Array.from(row), beam.width)])) return beam.best();
    throw new Error("the search goes on");
  };
  const near = (got: number, want: number) => assert.ok(Math.abs(got - want) < 1e-6, `${got}, not ${want}`);
  const [ends, goes] = [
    [-9, 0, -9],
    [0, -9, -9],
  ]; // what is all but certain costs 2·e⁻⁹
  const even = [0, 0.1, -99];
  const [first, second] = [-Math.log(1 + Math.exp(-0.1)), -Math.log(1 + Math.exp(0.1))]; // of ending, of going on

  // an answer that ends has the same score either way
  for (const startCounts of [false, true]) near(run(1, startCounts, [ends]).score, -2 * Math.exp(-9));
  // one that is cut is divided by one more
  near(run(1, false, [goes]).score, -2 * Math.exp(-9));
  near(run(2, true, [even, goes]).score * 3, second - 2 * Math.exp(-9));
  // the second best candidate is an answer, too, when all are cut
  assert.equal(run(1, false, [even]), { ids: [1], score: Math.fround(first) });
  assert.equal(run(1, true, [even]).ids, [0]);
  // the best candidate has ended, but could have become better: on
  assert.equal(run(2, false, [even]).ids, [1]);
  assert.equal(run(2, true, [even, goes]).ids, [0, 0]);
});

test("options out of range, logits that are NaN and misuse are refused", () => {
  const throws = (change: Partial<BeamOptions>, message: RegExp) =>
    assert.throws(() => new BeamSearch({ ...options, ...change }), message);
  throws({ beams: 0 }, /^generate: expected 1 beam or more, got 0$/);
  throws({ beams: 1.5 }, /1 beam or more, got 1.5/);
  throws({ lengthPenalty: Number.NaN }, /a finite lengthPenalty, got NaN/);
  throws({ maxNewTokens: 0 }, /maxNewTokens of 1 or more, got 0/);

  const bad = topCandidates(Float32Array.of(1, Number.NaN, 2), 8);
  assert.throws(() => new BeamSearch(options).next([bad]), /^generate: expected finite logits, got NaN/);
  const none = { ...bad, ids: new Uint32Array(0), scores: new Float32Array(0) };
  assert.throws(() => new BeamSearch(options).next([none]), /^generate: expected finite logits, got NaN/);

  const fine = topCandidates(Float32Array.of(1, 0, 2, 5), 8);
  assert.throws(() => new BeamSearch(options).next([fine, fine]), /^internal: .* 1 hypotheses, got 2$/);
  assert.throws(
    () => new BeamSearch(options).best(),
    /^internal: beam search: expected the search to be over/,
  );
  const over = new BeamSearch({ ...options, maxNewTokens: 1 });
  assert.is(over.next([fine]), undefined);
  assert.throws(() => over.next([fine]), /^internal: .* 0 hypotheses, got 1$/);
});

test.run();
