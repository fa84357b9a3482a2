import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { beyondNoise, bootstrap, deviation, mean, quantile } from "../../src/experiments/bootstrap.ts";
import { hypergeometric, overlapTest } from "../../src/experiments/overlap-test.ts";
import { scored, total } from "../../src/experiments/score.ts";
import { compareMasks } from "../../src/mask/analyze.ts";
import { HeadMask } from "../../src/mask/head-mask.ts";
import { bleu } from "../../src/tasks/bleu.ts";

interface Fixture {
  readonly quantiles: { readonly values: number[]; readonly q: number[]; readonly expected: number[] };
  readonly mean: {
    readonly values: number[];
    readonly interval: [number, number];
    readonly deviation: number;
  };
  readonly ratio: { readonly edits: number[]; readonly words: number[]; readonly interval: [number, number] };
  readonly hypergeometric: {
    readonly n: number;
    readonly a: number;
    readonly b: number;
    readonly expected: number[];
  };
  readonly pairs: readonly {
    readonly a: number[][];
    readonly b: number[][];
    readonly phi: number;
    readonly fisher: number;
    readonly withinLayers: number;
  }[];
}

/** What NumPy and SciPy say; made by scripts/oracle/statistics.py. */
const ORACLE: Fixture = JSON.parse(
  readFileSync(new URL("../fixtures/statistics.json", import.meta.url), "utf8"),
);

const near = (got: number, want: number, within: number, what = "") =>
  assert.ok(Math.abs(got - want) <= within, `${what} expected ${want}, got ${got}`);

const maskOf = (rows: readonly (readonly number[])[]) =>
  HeadMask.fromHeads(
    rows.length,
    rows[0]!.length,
    rows.flatMap((row, layer) => row.flatMap((on, head) => (on ? [[layer, head] as const] : []))),
  );

test("quantiles are NumPy's", () => {
  const { values, q, expected } = ORACLE.quantiles;
  for (const [i, share] of q.entries()) near(quantile(values, share), expected[i]!, 1e-12);
});

test("mean and deviation by hand: 1, 2, 3, 6", () => {
  assert.is(mean([1, 2, 3, 6]), 3);
  near(deviation([1, 2, 3, 6]), Math.sqrt((4 + 1 + 0 + 9) / 3), 1e-12);
  assert.is(deviation([5]), 0);
  near(deviation(ORACLE.mean.values), ORACLE.mean.deviation, 1e-12);
});

test("the bootstrap interval of a share of 48 clips is SciPy's, within the noise of 2,000 drawings", () => {
  const { values, interval } = ORACLE.mean;
  const got = bootstrap(values.length, (clips) => mean(clips.map((clip) => values[clip]!)));
  assert.is(got.value, mean(values));
  near(got.low, interval[0], 0.03, "low");
  near(got.high, interval[1], 0.03, "high");
});

test("that of an error rate, whose clips are of different lengths, too", () => {
  const { edits, words, interval } = ORACLE.ratio;
  const parts = edits.map((e, i) => [e, words[i]!] as const);
  const got = bootstrap(parts.length, (clips) =>
    total(
      "wer",
      clips.map((clip) => parts[clip]!),
    ),
  );
  near(got.low, 100 * interval[0], 2, "low");
  near(got.high, 100 * interval[1], 2, "high");
});

test("the same clips give the same interval; equal clips one without width", () => {
  const score = (clips: readonly number[]) => mean(clips);
  assert.equal(bootstrap(10, score), bootstrap(10, score));
  assert.equal(
    bootstrap(4, () => 7),
    { value: 7, low: 7, high: 7 },
  );
});

test("a difference is beyond noise where its interval leaves out 0", () => {
  assert.is(beyondNoise({ value: 2, low: 0.1, high: 4 }), true);
  assert.is(beyondNoise({ value: -2, low: -4, high: -0.1 }), true);
  assert.is(beyondNoise({ value: 2, low: -1, high: 4 }), false);
  assert.is(beyondNoise({ value: 0, low: 0, high: 0 }), false);
});

test("by hand: of 4 heads 2 and 2 are on; they share 0, 1, 2 in 1, 4, 1 of 6 cases", () => {
  const got = hypergeometric(4, 2, 2);
  for (const [k, want] of [1 / 6, 4 / 6, 1 / 6].entries()) near(got[k]!, want, 1e-12);
  const [a, b] = [maskOf([[1, 1, 0, 0]]), maskOf([[1, 0, 1, 0]])];
  near(overlapTest(a, b).anywhere, 5 / 6, 1e-12);
  near(overlapTest(a, a).anywhere, 1 / 6, 1e-12);
});

test("by hand, within layers: two layers of 2 heads, 1 on in each; both alike in 1 of 4 cases", () => {
  const a = maskOf([
    [1, 0],
    [0, 1],
  ]);
  near(overlapTest(a, a).withinLayers, 1 / 4, 1e-12);
});

test("the hypergeometric distribution is SciPy's", () => {
  const { n, a, b, expected } = ORACLE.hypergeometric;
  for (const [k, got] of hypergeometric(n, a, b).entries()) near(got, expected[k]!, 1e-12);
});

test("φ is NumPy's correlation, the test over the map SciPy's, that within layers 200,000 permutations'", () => {
  for (const { a, b, phi, fisher, withinLayers } of ORACLE.pairs) {
    const [x, y] = [maskOf(a), maskOf(b)];
    near(compareMasks(x, y).phi, phi, 1e-12, "phi");
    const got = overlapTest(x, y);
    near(got.anywhere, fisher, 1e-9 + 1e-7 * fisher, "anywhere");
    near(got.withinLayers, withinLayers, 0.004, "within layers");
  }
});

test("scores: exact is 1 of 2, WER 1 edit in 5 words", () => {
  const pairs = [
    { hypothesis: "turn on the light", reference: "turn on the light" },
    { hypothesis: "no", reference: "go" },
  ];
  assert.is(scored("exact", pairs).value, 50);
  assert.equal(scored("wer", pairs).parts, [
    [0, 4],
    [1, 1],
  ]);
  assert.is(scored("wer", pairs).value, 20);
  assert.is(scored("bleu", pairs).value, bleu(pairs).score);
});

test.run();
