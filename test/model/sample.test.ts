import { test } from "uvu";
import * as assert from "uvu/assert";
import { readText } from "#fixtures";
import { GenerateError } from "../../src/model/errors.ts";
import {
  checkSampling,
  distribution,
  forbid,
  logSumExp,
  penalise,
  type Sampling,
  sample,
  topCandidates,
  uniform,
} from "../../src/model/sample.ts";

interface Fixture {
  rows: number[][];
  kept: {
    row: number;
    temperature: number;
    top_k: number;
    top_p: number;
    ids: number[];
    probabilities: number[];
  }[];
  penalised: { row: number; penalty: number; seen: number[]; logits: number[] }[];
}
const fixture: Fixture = JSON.parse(readText("test/fixtures/generate/sampling.json"));
const rows = fixture.rows.map((row) => Float32Array.from(row));
const off: Sampling = { temperature: 1, topK: 0, topP: 1 };

test("temperature, top-k and top-p leave the ids of transformers with their probabilities", () => {
  for (const { row, temperature, top_k: topK, top_p: topP, ids, probabilities } of fixture.kept) {
    const what = JSON.stringify({ row, temperature, topK, topP });
    for (const k of topK ? [topK, 24] : [24]) {
      const candidates = topCandidates(rows[row]!, k);
      const p = distribution(candidates, { temperature, topK, topP });
      assert.equal([...candidates.ids.subarray(0, p.length)], ids, what);
      for (const [i, expected] of probabilities.entries())
        assert.ok(Math.abs(p[i]! - expected) < 2e-6, `${what}: p[${i}] ${p[i]}, expected ${expected}`);
    }
  }
});

test("repetition penalty of transformers, once an id", () => {
  for (const { row, penalty, seen, logits } of fixture.penalised) {
    const changed = rows[row]!.slice();
    penalise(changed, seen, penalty);
    for (const [i, expected] of logits.entries()) assert.ok(Math.abs(changed[i]! - expected) < 1e-5);
  }
});

test("candidates fall, equal ones in order of id, and may be the whole vocabulary", () => {
  const logits = Float32Array.of(1, 3, -Infinity, 3, 2, 3);
  const two = topCandidates(logits, 2);
  assert.equal([...two.ids], [1, 3]);
  assert.equal([...two.scores], [3, 3]);
  assert.is(two.lse, logSumExp(logits));
  for (const k of [5, 100])
    assert.equal([...topCandidates(logits, k).ids], [1, 3, 5, 4, 0], "impossible ones are left out");
  assert.equal([...logits], [1, 3, -Infinity, 3, 2, 3], "its argument is untouched");
  assert.is(topCandidates(logits, 1, 0).lse, 0);
});

test("candidates are those of a full sort, however the row is ordered", () => {
  const random = Float32Array.from({ length: 5000 }, (_, i) => Math.floor(400 * uniform(3, 0, i)));
  const rising = random.slice().sort();
  for (const logits of [random, rising, rising.slice().reverse()]) {
    const sorted = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
    for (const k of [1, 2, 33, 1000, 5000])
      assert.equal([...topCandidates(logits, k).ids], sorted.slice(0, k));
  }
});

test("log-sum-exp does not overflow", () => {
  assert.ok(Math.abs(logSumExp(Float32Array.of(1000, 1000)) - (1000 + Math.LN2)) < 1e-9);
  assert.is(logSumExp(Float32Array.of(-Infinity, -Infinity)), -Infinity);
  assert.ok(Number.isNaN(logSumExp(Float32Array.of(0, Number.NaN))));
});

test("forbidden ids are never drawn", () => {
  const logits = Float32Array.of(9, 0, 8, 1);
  forbid(logits, [0, 2]);
  const candidates = topCandidates(logits, 4);
  for (let i = 0; i < 100; i++) assert.ok([1, 3].includes(sample(candidates, off, i / 100)));
  assert.ok([1, 3].includes(sample(candidates, off, 1 - 2 ** -53)));
});

test("a draw inverts the cumulative distribution in falling order", () => {
  const candidates = topCandidates(Float32Array.from([0.2, 0.5, 0.3], Math.log), 3);
  const draw = (u: number, options = off) => sample(candidates, options, u);
  assert.equal(
    [0, 0.49, 0.51, 0.79, 0.81, 1 - 2 ** -53].map((u) => draw(u)),
    [1, 1, 2, 2, 0, 0],
  );
  assert.equal(
    [0.6, 0.64].map((u) => draw(u, { ...off, topK: 2 })),
    [1, 2],
    "renormalised to 5/8 and 3/8",
  );
  assert.is(draw(0.999, { ...off, topP: 0.01 }), 1, "at least one token");
  assert.is(draw(0.999, { ...off, temperature: 1e-6 }), 1);
});

test("draws have the distribution's frequencies", () => {
  const candidates = topCandidates(rows[0]!, 24);
  const options = { temperature: 0.7, topK: 5, topP: 1 };
  const p = distribution(candidates, options);
  const counts = new Map<number, number>();
  const n = 20_000;
  for (let step = 0; step < n; step++) {
    const id = sample(candidates, options, uniform(7, 0, step));
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  assert.is(counts.size, 5);
  for (const [i, share] of p.entries())
    assert.ok(Math.abs(counts.get(candidates.ids[i]!)! / n - share) < 4 * Math.sqrt(share / n));
});

test("uniform is Philox2x32-10: the published answers", () => {
  const bits = (x0: number, x1: number) => ((x0 >>> 5) * 2 ** 26 + (x1 >>> 6)) / 2 ** 53;
  assert.is(uniform(0, 0, 0), bits(0xff1dae59, 0x6cd10df2));
  assert.is(uniform(0xffffffff, 0xffffffff, 0xffffffff), bits(0x2c3f628b, 0xab4fd7ad));
  assert.is(uniform(0x13198a2e, 0x243f6a88, 0x85a308d3), bits(0xdd7ce038, 0xf62a4c12));
});

test("uniform is uniform, and seeds, rows and steps are independent", () => {
  const n = 10_000;
  const place = [
    (i: number) => uniform(1, 0, i),
    (i: number) => uniform(1, i, 0),
    (i: number) => uniform(i, 0, 0),
    (i: number) => uniform(2, i >> 7, i & 127),
  ];
  const series = place.map((at) => Array.from({ length: n }, (_, i) => at(i)));
  for (const values of series) {
    assert.ok(values.every((u) => u >= 0 && u < 1));
    const bins = new Array<number>(64).fill(0);
    for (const u of values) bins[Math.floor(u * 64)]!++;
    const chi2 = bins.reduce((sum, count) => sum + (count - n / 64) ** 2 / (n / 64), 0);
    assert.ok(chi2 > 30 && chi2 < 105, `χ² of 63 degrees of freedom is ${chi2}`); // p of 0.001 either side
    assert.ok(Math.abs(correlation(values.slice(1), values.slice(0, -1))) < 4 / Math.sqrt(n));
  }
  for (const [a, x] of series.entries())
    for (const y of series.slice(a + 1)) assert.ok(Math.abs(correlation(x, y)) < 4 / Math.sqrt(n));
});

function correlation(x: number[], y: number[]): number {
  const mean = (v: number[]) => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  const covariance = mean(x.map((a, i) => (a - mx) * (y[i]! - my)));
  const variance = (v: number[], m: number) => mean(v.map((a) => (a - m) ** 2));
  return covariance / Math.sqrt(variance(x, mx) * variance(y, my));
}

test("options out of range are refused by name", () => {
  const refuses = (change: Partial<Sampling & { seed: number }>, message: string) =>
    assert.throws(
      () => checkSampling({ ...off, ...change }),
      (error: Error) => error instanceof GenerateError && error.message.startsWith(message),
    );
  refuses({ temperature: 0 }, "generate: expected temperature > 0, got 0; ");
  refuses({ temperature: Number.NaN }, "generate: expected temperature > 0, got NaN; ");
  refuses({ temperature: Infinity }, "generate: expected temperature > 0, got Infinity; ");
  refuses({ topK: -1 }, "generate: expected topK of 0 or more, got -1; ");
  refuses({ topK: 1.5 }, "generate: expected topK of 0 or more, got 1.5; ");
  refuses({ topP: 0 }, "generate: expected topP above 0 and at most 1, got 0; ");
  refuses({ topP: 1.01 }, "generate: expected topP above 0 and at most 1, got 1.01; ");
  refuses({ seed: -1 }, "generate: expected a whole number from 0 to 4294967295 as seed, got -1; ");
  refuses(
    { seed: 2 ** 32 },
    "generate: expected a whole number from 0 to 4294967295 as seed, got 4294967296",
  );
  checkSampling({ ...off, seed: 2 ** 32 - 1 });
  checkSampling(off);
});

test.run();
