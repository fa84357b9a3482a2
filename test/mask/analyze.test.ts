import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Combination, combineMasks, compareMasks, headsPerLayer } from "../../src/mask/analyze.ts";
import { HeadMask, MaskError } from "../../src/mask/head-mask.ts";

/** One row of 1 and 0 a layer. */
const mask = (...rows: string[]) =>
  HeadMask.fromLogits(
    rows.length,
    rows[0]!.length,
    Float32Array.from(rows.join(""), (gate) => Number(gate) - 0.5),
  );

const drawn = (m: HeadMask) =>
  Array.from({ length: m.layers }, (_, l) =>
    Array.from({ length: m.heads }, (_, h) => Number(m.isOn(l, h))).join(""),
  );

function near(value: number, expected: number, what: string) {
  assert.ok(Math.abs(value - expected) < 1e-12, `${what}: expected ${expected}, got ${value}`);
}

test("counts where two masks agree, and how much of it is chance", () => {
  const { jaccard, expectedJaccard, phi, ...counts } = compareMasks(
    mask("1110", "0000"),
    mask("0110", "1100"),
  );
  assert.equal(counts, { both: 2, onlyA: 1, onlyB: 2, neither: 3, agree: 5 / 8 });
  near(jaccard, 2 / 5, "jaccard");
  near(expectedJaccard, (3 * 4) / (8 * 3 + 8 * 4 - 3 * 4), "expected");
  near(phi, (2 * 3 - 1 * 2) / Math.sqrt(3 * 4 * 5 * 4), "phi");
});

test("equal masks have 1, opposite ones −1, independent ones about what is expected of them", () => {
  const a = HeadMask.random(40, 40, 900, 1);
  const same = compareMasks(a, a);
  assert.equal([same.jaccard, same.phi, same.agree, same.onlyA, same.onlyB], [1, 1, 1, 0, 0]);
  near(compareMasks(mask("1010"), mask("0101")).phi, -1, "phi");
  const chance = compareMasks(a, HeadMask.random(40, 40, 700, 2));
  assert.ok(Math.abs(chance.phi) < 0.08, `${chance.phi}`);
  assert.ok(Math.abs(chance.jaccard - chance.expectedJaccard) < 0.03, `${chance.jaccard}`);
});

test("nothing over nothing has a value", () => {
  const [all, none, some] = [mask("11"), mask("00"), mask("10")];
  const ratios = (a: HeadMask, b: HeadMask) => {
    const { jaccard, expectedJaccard, phi } = compareMasks(a, b);
    return [jaccard, expectedJaccard, phi];
  };
  assert.equal(ratios(none, none), [1, 1, 0]);
  assert.equal(ratios(all, all), [1, 1, 0]);
  assert.equal(ratios(all, none), [0, 0, 0]);
  assert.equal(ratios(all, some), [0.5, 0.5, 0]);
});

test("combines masks head by head", () => {
  const [a, b, c] = [mask("1100", "1010"), mask("1010", "1000"), mask("1001", "0001")];
  const expected: Record<Combination, string[]> = {
    and: ["1000", "0000"],
    or: ["1111", "1011"],
    xor: ["1111", "0011"],
    majority: ["1000", "1000"],
  };
  for (const [op, rows] of Object.entries(expected))
    assert.equal(drawn(combineMasks(op as Combination, [a, b, c])), rows, op);
  assert.equal(drawn(combineMasks("majority", [a, b])), ["1000", "1000"], "a tie is off");
  assert.ok(combineMasks("and", [a]).equals(a));
  assert.is(combineMasks("or", [a, b]).logits, undefined);
});

test("a combination is of the model that all its masks are of", () => {
  const of = (fingerprint: string) => mask("10").withMetadata({ fingerprint, task: "asr" });
  assert.equal(combineMasks("or", [of("f"), of("f")]).metadata, { fingerprint: "f" });
  assert.equal(combineMasks("or", [of("f"), mask("01")]).metadata, {});
  assert.throws(
    () => combineMasks("or", [of("f"), of("g")]),
    /expected masks of one model, got those of f and g/,
  );
});

test("counts heads a layer", () => {
  assert.equal(headsPerLayer(mask("110", "000", "111")), [2, 0, 3]);
});

test("refuses masks of different sizes, and none", () => {
  for (const call of [
    () => compareMasks(mask("1010"), mask("10", "10")),
    () => combineMasks("and", [mask("1010"), mask("10", "10")]),
  ])
    assert.throws(call, (error: Error) => {
      assert.instance(error, MaskError);
      assert.is(
        error.message,
        "mask: expected masks of one size, got 1 × 4 and 2 × 2; they were made for different models",
      );
      return true;
    });
  assert.throws(() => combineMasks("xor", []), /^MaskError|expected 1 or more masks, got none$/);
});

test.run();
