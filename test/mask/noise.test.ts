import { test } from "uvu";
import * as assert from "uvu/assert";
import { gateNoise, initialLogits, philox, shuffled } from "../../src/mask/noise.ts";

test("Philox4x32-10 gives Random123's known answers", () => {
  // kat_vectors has one with key 0; the others were computed by an implementation in Python that agrees with it
  const cases: [counter: [number, number, number, number], seed: number, want: number[]][] = [
    [[0, 0, 0, 0], 0, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      0xffffffff,
      [0x1c057dab, 0x4ac61b62, 0xf6c88c20, 0xd267f468],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      0xa4093822,
      [0xabcd2855, 0x42a0007e, 0xa5b760f8, 0x21fddefb],
    ],
    [[1, 2, 3, 0], 7, [0xd3bf6424, 0xb271ba75, 0x1da075b9, 0x43712610]],
  ];
  for (const [counter, seed, want] of cases) assert.equal(philox(counter, seed), want);
});

test("a number depends on its seed and place alone", () => {
  const noise = gateNoise(3, 7, 1, 10);
  assert.equal([...gateNoise(3, 7, 1, 6)], [...noise.subarray(0, 6)], "not on how many are drawn");
  for (const other of [gateNoise(4, 7, 1, 10), gateNoise(3, 8, 1, 10), gateNoise(3, 7, 2, 10)])
    for (const [i, g] of other.entries()) assert.is.not(g, noise[i]);
  assert.equal(shuffled(2 ** 32 - 1, 0, 9), shuffled(2 ** 32 - 1, 0, 9));
});

test("gate noise is ln(Exp(1)): its mean is −γ, its variance π²/6", () => {
  const count = 40_000;
  const noise = gateNoise(1, 0, 0, count);
  assert.ok(noise.every(Number.isFinite));
  const mean = noise.reduce((a, b) => a + b, 0) / count;
  const variance = noise.reduce((a, b) => a + (b - mean) ** 2, 0) / count;
  assert.ok(Math.abs(mean + 0.5772157) < 4 * (1.2825 / Math.sqrt(count)), `mean ${mean}`);
  assert.ok(Math.abs(variance - Math.PI ** 2 / 6) < 0.06, `variance ${variance}`);
});

test("logits begin as normal numbers", () => {
  const count = 40_000;
  const logits = initialLogits(1, count, 4, 0.02);
  const mean = logits.reduce((a, b) => a + b, 0) / count;
  const std = Math.sqrt(logits.reduce((a, b) => a + (b - mean) ** 2, 0) / count);
  assert.ok(Math.abs(mean - 4) < 4e-4, `mean ${mean}`);
  assert.ok(Math.abs(std - 0.02) < 4e-4, `std ${std}`);
  const beyond = logits.filter((m) => Math.abs(m - 4) > 0.04).length / count;
  assert.ok(Math.abs(beyond - 0.0455) < 0.005, `${beyond} beyond two deviations`);
  assert.equal(initialLogits(1, 5, 3, 0), new Float32Array(5).fill(3));
});

test("an epoch goes through each example once, every order about as often", () => {
  const seen = new Map<string, number>();
  for (let epoch = 0; epoch < 6000; epoch++) {
    const order = shuffled(9, epoch, 3);
    assert.equal([...order].sort(), [0, 1, 2]);
    seen.set(`${order}`, (seen.get(`${order}`) ?? 0) + 1);
  }
  assert.is(seen.size, 6);
  for (const [order, times] of seen)
    assert.ok(Math.abs(times - 1000) < 130, `${order}: ${times} of about 1000`);
  assert.equal([...shuffled(0, 0, 1)], [0]);
});

test.run();
