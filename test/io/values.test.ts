import { test } from "uvu";
import * as assert from "uvu/assert";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16, toF32 } from "../../src/io/values.ts";

const view = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

test("halves that the standard names", () => {
  const named: [number, number][] = [
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 2 ** -14 - 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
  ];
  for (const [bits, value] of named) {
    assert.is(f16ToF32(bits), value);
    assert.is(f32ToF16(value), bits);
  }
  assert.ok(Object.is(f16ToF32(0x8000), -0));
  assert.is(f32ToF16(-0), 0x8000);
  assert.ok(Number.isNaN(f16ToF32(0x7c01)) && Number.isNaN(f16ToF32(0xfe00)));
  assert.ok(Number.isNaN(f16ToF32(f32ToF16(Number.NaN))));
});

/** For each finite value of a 16-bit type: it survives the round trip, and the midpoint to the next goes to the even one. */
function checkRounding(
  toValue: (bits: number) => number,
  toBits: (value: number) => number,
  infinity: number,
) {
  let wrong = 0;
  for (let bits = 0; bits < infinity; bits++) {
    const value = toValue(bits);
    const next = bits + 1 < infinity ? toValue(bits + 1) : 2 * value - toValue(bits - 1);
    const even = bits % 2 === 0 ? bits : bits + 1;
    const middle = (value + next) / 2;
    const nearer = value + (next - value) * 0.375;
    if (toBits(value) !== bits || toBits(-value) !== (bits | 0x8000)) wrong++;
    if (toBits(middle) !== even || toBits(nearer) !== bits) wrong++;
  }
  assert.is(wrong, 0);
}

test("every half, and the midpoints between them", () => checkRounding(f16ToF32, f32ToF16, 0x7c00));

test("every bfloat16, and the midpoints between them", () => {
  // The middle above the largest one and below the smallest are not f32 values; start and end one step inside.
  checkRounding(bf16ToF32, f32ToBf16, 0x7f7f);
  assert.is(bf16ToF32(0x3f80), 1);
  assert.is(bf16ToF32(0xc049), -3.140625);
  assert.is(bf16ToF32(0x0001), 2 ** -133);
  assert.is(f32ToBf16(3.4028234663852886e38), 0x7f80);
  assert.is(f32ToBf16(Number.NEGATIVE_INFINITY), 0xff80);
  assert.ok(Number.isNaN(bf16ToF32(f32ToBf16(Number.NaN))));
});

test("halves beyond the range become infinite, below it zero", () => {
  assert.is(f32ToF16(65519.99), 0x7bff);
  assert.is(f32ToF16(65520), 0x7c00);
  assert.is(f32ToF16(1e30), 0x7c00);
  assert.is(f32ToF16(2 ** -25), 0);
  assert.is(f32ToF16(-1.001 * 2 ** -25), 0x8001);
});

test("every stored type as f32", () => {
  const equal = (values: Float32Array, expected: number[]) => assert.equal([...values], expected);
  equal(toF32(view(Float64Array.of(0.1, -1e300, 2)), "F64"), [Math.fround(0.1), Number.NEGATIVE_INFINITY, 2]);
  equal(toF32(view(Float32Array.of(1.5, -2)), "F32"), [1.5, -2]);
  equal(toF32(view(Uint16Array.of(0x3c00, 0x8001)), "F16"), [1, -(2 ** -24)]);
  equal(toF32(view(Uint16Array.of(0xbf80, 0x0001)), "BF16"), [-1, 2 ** -133]);
  equal(toF32(view(BigInt64Array.of(-3n, 2n ** 53n + 1n, -(2n ** 63n))), "I64"), [-3, 2 ** 53, -(2 ** 63)]);
  equal(toF32(view(Int32Array.of(-5, 2 ** 31 - 1)), "I32"), [-5, 2 ** 31]);
  equal(toF32(view(Int16Array.of(-32768, 3)), "I16"), [-32768, 3]);
  equal(toF32(view(Int8Array.of(-128, 127)), "I8"), [-128, 127]);
  equal(toF32(Uint8Array.of(0, 255), "U8"), [0, 255]);
  equal(toF32(Uint8Array.of(0, 1, 2), "BOOL"), [0, 1, 1]);
});

test("bytes that are not aligned, and halves of elements", () => {
  const shifted = new Uint8Array(9);
  shifted.set(view(Float32Array.of(7, 8)), 1);
  assert.equal([...toF32(shifted.subarray(1), "F32")], [7, 8]);
  assert.throws(
    () => toF32(new Uint8Array(7), "F32"),
    /internal: toF32: expected whole F32 elements, got 7 bytes/,
  );
});

test.run();
