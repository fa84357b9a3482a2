import { test } from "uvu";
import * as assert from "uvu/assert";
import { drawGates, expectedOn, type GateKind } from "../../src/mask/gumbel.ts";
import { gateNoise } from "../../src/mask/noise.ts";
import { readGolden } from "../fixtures-reader.ts";

const golden = readGolden("test/fixtures/gumbel.safetensors");
const f32 = (name: string) => golden.get(name)!.data as Float32Array;
const TAU = 1.7; // the fixture's
const [logits, noise] = [f32("logits"), f32("noise")];
const COUNT = logits.length;

const of = (kind: GateKind, sample: number, m = logits) =>
  drawGates(m, noise.subarray(sample * COUNT, (sample + 1) * COUNT), TAU, kind);

test("hard and soft gates are those of the published code", () => {
  for (const sample of [0, 1]) {
    const want = (name: string) => f32(name).subarray(sample * COUNT, (sample + 1) * COUNT);
    assert.equal([...of("hard", sample).gates], [...want("hard")]);
    for (const [i, gate] of of("soft", sample).gates.entries())
      assert.ok(Math.abs(gate - want("soft")[i]!) < 1e-6, `${i}: ${gate}`);
  }
});

test("sigmoid gates know neither noise nor temperature", () => {
  for (const tau of [0.05, 4]) {
    const { gates } = drawGates(logits, new Float32Array(COUNT).fill(Number.NaN), tau, "sigmoid");
    for (const [i, gate] of gates.entries())
      assert.ok(Math.abs(gate - f32("sigmoid")[i]!) < 1e-6, `${i}: ${gate}`);
  }
});

test("the slope is that of the gate before it is made hard", () => {
  const STEP = 1e-2;
  for (const kind of ["soft", "sigmoid"] as const) {
    const [up, down] = [STEP, -STEP].map((by) => of(kind, 0, logits.map((m) => m + by)).gates); // biome-ignore format: a table
    const { slope } = of(kind, 0);
    for (const [i, s] of slope.entries()) {
      const want = (up![i]! - down![i]!) / (2 * STEP);
      assert.ok(Math.abs(s - want) < 1e-4, `${kind} ${i}: ${s}, want ${want}`);
    }
  }
  assert.equal(of("hard", 1).slope, of("soft", 1).slope);
});

test("a sure gate has a slope of 0, not NaN", () => {
  for (const kind of ["hard", "soft", "sigmoid"] as const) {
    const { gates, slope } = drawGates(Float32Array.of(1e4, -1e4), new Float32Array(2), 0.05, kind);
    assert.equal([...gates, ...slope], [1, 0, 0, 0], kind);
  }
});

test("a head is on with probability exp(−e^(−M))", () => {
  const many = 20_000;
  for (const m of [-1, 0, 1, 4]) {
    const { gates } = drawGates(new Float32Array(many).fill(m), gateNoise(5, 0, 0, many), TAU, "hard");
    const [share, want] = [gates.reduce((a, b) => a + b, 0) / many, Math.exp(-Math.exp(-m))];
    const deviation = Math.sqrt((want * (1 - want)) / many);
    assert.ok(Math.abs(share - want) < 4 * deviation, `M = ${m}: ${share} on, want ${want}`);
    assert.ok(Math.abs(expectedOn(Float32Array.of(m, m), "hard") - 2 * want) < 1e-6);
    const sigmoid = 1 / (1 + Math.exp(-m));
    assert.ok(Math.abs(expectedOn(Float32Array.of(m, m), "sigmoid") - 2 * sigmoid) < 1e-6);
  }
});

test("a soft gate too small for f32's normal numbers is off, and so is its slope", () => {
  const { gates, slope } = drawGates(Float32Array.of(-4, 4), Float32Array.of(-1, 0), 0.05, "soft");
  assert.equal([gates[0], slope[0]], [0, 0]);
  assert.ok(gates[1]! > 0.999);
});

test.run();
