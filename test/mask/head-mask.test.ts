import { test } from "uvu";
import * as assert from "uvu/assert";
import { HeadMask, MaskError } from "../../src/mask/head-mask.ts";

const throws = (run: () => unknown, message: string) =>
  assert.throws(run, (error: unknown) => {
    assert.instance(error, MaskError);
    assert.is((error as MaskError).message, message);
    return true;
  });

test("a logit of 0 or more is on", () => {
  const mask = HeadMask.fromLogits(2, 3, Float32Array.of(0, -0, -1e-30, 4, -4, Infinity));
  assert.equal([...mask.gates()], [1, 1, 0, 1, 0, 1]);
  assert.is(mask.count, 4);
  assert.is(mask.isOn(0, 1), true);
  assert.is(mask.isOn(1, 1), false);
});

test("head l·H + h is bit i mod 8 of byte i / 8, the least significant first", () => {
  const mask = HeadMask.fromHeads(3, 5, [
    [0, 0],
    [2, 4],
    [1, 4],
    [0, 3],
    [0, 0],
  ]);
  assert.equal([...mask.toBits()], [0b00001001, 0b01000010]);
  assert.is(mask.count, 4);
  assert.ok(HeadMask.fromBits(3, 5, mask.toBits()).equals(mask));
});

test("a mask of 40 × 40 heads is 200 bytes", () => {
  const mask = HeadMask.all(40, 40);
  assert.equal(mask.toBits(), new Uint8Array(200).fill(255));
  assert.is(mask.count, 1600);
  assert.equal(mask.gates(), new Float32Array(1600).fill(1));
});

test("all of an odd size leaves the last bits 0", () => {
  assert.equal([...HeadMask.all(3, 3).toBits()], [255, 1]);
});

test("random masks have the number asked for, repeat by seed, and choose evenly", () => {
  const chosen = new Uint32Array(20);
  for (let seed = 0; seed < 2000; seed++) {
    const mask = HeadMask.random(4, 5, 7, seed);
    assert.is(mask.count, 7);
    for (const [i, gate] of mask.gates().entries()) chosen[i]! += gate;
  }
  for (const count of chosen) assert.ok(Math.abs(count - 700) < 100, `${count} of about 700`); // 4.7 deviations
  assert.ok(HeadMask.random(8, 8, 32, 5).equals(HeadMask.random(8, 8, 32, 5)));
  assert.not(HeadMask.random(8, 8, 32, 5).equals(HeadMask.random(8, 8, 32, 6)));
  assert.is(HeadMask.random(2, 2, 0, 0).count, 0);
  assert.ok(HeadMask.random(2, 2, 4, 0).equals(HeadMask.all(2, 2)));
});

test("equal means the same heads of as many", () => {
  const a = HeadMask.fromLogits(1, 4, Float32Array.of(1, -1, 1, -1));
  assert.ok(a.equals(HeadMask.fromBits(1, 4, Uint8Array.of(0b0101)).withMetadata({ task: "asr" })));
  assert.not(a.equals(HeadMask.fromBits(2, 2, Uint8Array.of(0b0101))));
  assert.not(a.equals(HeadMask.fromBits(1, 4, Uint8Array.of(0b0111))));
});

test("a mask does not change: not by what it was made from, not by what it gave", () => {
  const logits = Float32Array.of(1, -1);
  const bits = Uint8Array.of(0b01);
  const metadata = { task: "asr" };
  const masks = [HeadMask.fromLogits(1, 2, logits).withMetadata(metadata), HeadMask.fromBits(1, 2, bits)];
  logits.fill(5);
  bits.fill(3);
  metadata.task = "gr";
  for (const mask of masks) {
    mask.toBits().fill(3);
    mask.gates().fill(1);
    mask.logits?.fill(7);
    assert.equal([...mask.gates()], [1, 0]);
  }
  assert.equal([...masks[0]!.logits!], [1, -1]);
  assert.equal({ ...masks[0]!.metadata }, { task: "asr" });
  assert.throws(() => Object.assign(masks[0]!.metadata, { task: "gr" }), TypeError);
  assert.is(masks[1]!.logits, undefined);
});

test("a mask of another size or of another model is refused", () => {
  const model = { layers: 8, heads: 8, fingerprint: "abc" };
  throws(
    () => HeadMask.all(4, 8).check(model),
    "mask: expected 8 × 8 heads (layers × heads of a layer), got 4 × 8; this mask was made for another model",
  );
  assert.throws(() => HeadMask.all(8, 4).check(model), /got 8 × 4/);
  throws(
    () => HeadMask.all(8, 8).withMetadata({ fingerprint: "abd" }).check(model),
    "mask: expected the model's fingerprint abc, got abd; this mask was made for another model",
  );
  HeadMask.all(8, 8).withMetadata({ fingerprint: "abc" }).check(model);
  HeadMask.all(8, 8).check(model);
});

test("malformed masks are refused", () => {
  throws(
    () => HeadMask.fromLogits(2, 2, new Float32Array(3)),
    "mask: expected 4 logits for 2 × 2 heads, got 3",
  );
  throws(
    () => HeadMask.fromLogits(2, 2, Float32Array.of(0, 0, 0, Number.NaN)),
    "mask: expected a number for layer 1, head 1, got NaN; the training that made these logits diverged",
  );
  throws(
    () => HeadMask.fromBits(2, 2, new Uint8Array(2)),
    "mask: expected 1 bytes for 2 × 2 heads, got 2; this mask was made for another model",
  );
  throws(
    () => HeadMask.fromBits(2, 2, Uint8Array.of(0b100001)),
    "mask: expected 0 beyond head 3, got 1 at bit 5",
  );
  const bounds = "mask: expected layer 0 to 1 and head 0 to 2, got ";
  throws(() => HeadMask.fromHeads(2, 3, [[2, 0]]), `${bounds}layer 2, head 0`);
  throws(() => HeadMask.fromHeads(2, 3, [[0, 3]]), `${bounds}layer 0, head 3`);
  throws(() => HeadMask.all(2, 3).isOn(-1, 0), `${bounds}layer -1, head 0`);
  throws(() => HeadMask.all(2, 3).isOn(0, 0.5), `${bounds}layer 0, head 0.5`);
  throws(() => HeadMask.all(0, 3), "mask: expected 1 or more layers and heads, got 0 × 3");
  throws(() => HeadMask.all(2, Number.NaN), "mask: expected 1 or more layers and heads, got 2 × NaN");
  throws(() => HeadMask.random(2, 2, 5, 0), "mask: expected 0 to 4 heads on, got 5");
});

test.run();
