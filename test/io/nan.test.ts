import { test } from "uvu";
import * as assert from "uvu/assert";
import { hasNaN } from "../../src/io/nan.ts";

const NAN = { f32: [0x7f800001, 0xffc00000], f16: [0x7c01, 0xfe00], bf16: [0x7f81, 0xffc0] };
const FINE = {
  f32: [0x7f800000, 0xff800000, 0x7f7fffff],
  f16: [0x7c00, 0xfc00, 0x7bff],
  bf16: [0x7f80, 0xff80, 1],
};

for (const dtype of ["f32", "f16", "bf16"] as const) {
  const pack = (values: number[]) =>
    new Uint8Array((dtype === "f32" ? Uint32Array : Uint16Array).from(values).buffer);
  test(`${dtype}: a NaN at any place, infinity is none`, () => {
    for (const length of [1, 2, 3, 7, 8]) {
      const fine = Array.from({ length }, (_, i) => FINE[dtype][i % 3]!);
      assert.not(hasNaN(pack(fine), dtype));
      for (let at = 0; at < length; at++)
        for (const nan of NAN[dtype])
          assert.ok(
            hasNaN(pack(fine.map((v, i) => (i === at ? nan : v))), dtype),
            `${nan} at ${at} of ${length}`,
          );
    }
    assert.not(hasNaN(new Uint8Array(0), dtype));
  });
}

test("integers are never NaN; bytes need not be aligned", () => {
  assert.not(hasNaN(new Uint8Array(8).fill(0xff), "u32"));
  assert.ok(hasNaN(new Uint8Array(9).fill(0xff).subarray(1), "f32"));
});

test.run();
