import { test } from "uvu";
import * as assert from "uvu/assert";
import { ConvertError, convertedDType, convertValues } from "../../src/io/convert-values.ts";
import { STORED_BYTES, type StoredDType } from "../../src/io/safetensors.ts";
import { f16ToF32, f32ToBf16, f32ToF16, toF32 } from "../../src/io/values.ts";
import { rejects } from "./helpers.ts";

const view = (array: ArrayBufferView) =>
  new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
const bits = (bytes: Uint8Array<ArrayBuffer>) => [...new Uint16Array(bytes.slice().buffer)];
const f32 = (...values: number[]) => view(Float32Array.from(values));
const f64 = (...values: number[]) => view(Float64Array.from(values));
const u16 = (...values: number[]) => view(Uint16Array.from(values));

test("values as torch 2.13 rounds them", () => {
  const values = f32(
    ...[1, -2, 65504, 65519.99, 2 ** -14, 2 ** -24, 2 ** -25, 1.0000001 * 2 ** -25, 6.1e-5, 1.5 * 5.9e-8],
    ...[
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      0.1,
      Math.PI,
      1e-8,
      -0,
      Infinity,
      1 / 3,
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
    ],
  );
  assert.equal(bits(convertValues("w", values, "F32", "F16")), [
    ...[0x3c00, 0xc000, 0x7bff, 0x7bff, 0x400, 0x1, 0x0, 0x1, 0x3ff, 0x1],
    ...[0x3c00, 0x3c02, 0x2e66, 0x4248, 0x0, 0x8000, 0x7c00, 0x3555, 0x3c04, 0x3c0c],
  ]);
  assert.equal(bits(convertValues("w", values, "F32", "BF16")), [
    ...[0x3f80, 0xc000, 0x4780, 0x4780, 0x3880, 0x3380, 0x3300, 0x3300, 0x3880, 0x33be],
    ...[0x3f80, 0x3f80, 0x3dcd, 0x4049, 0x322c, 0x8000, 0x7f80, 0x3eab, 0x3f80, 0x3f82],
  ]);
  // F64 by way of F32, where 1 + 2^-11 + 2^-40 is a tie already.
  assert.equal(bits(convertValues("w", f64(1 + 2 ** -11 + 2 ** -40, 0.1), "F64", "F16")), [0x3c00, 0x2e66]);
  assert.equal(bits(convertValues("w", u16(0x2e66, 0x7bff, 0x1, 0x3555), "F16", "BF16")), [
    ...[0x3dcd, 0x4780, 0x3380, 0x3eab],
  ]);
});

test("f32 of every size round as one by one", () => {
  const words = Uint32Array.from({ length: 200_000 }, (_, i) => Math.imul(i, 2_654_435_761));
  const values = [...new Float32Array(words.buffer)].filter((value) => Math.abs(value) < 3.38e38);
  const halves = values.filter((value) => Math.abs(value) < 65520);
  assert.equal(bits(convertValues("w", view(Float32Array.from(halves)), "F32", "F16")), halves.map(f32ToF16));
  assert.equal(
    bits(convertValues("w", view(Float32Array.from(values)), "F32", "BF16")),
    values.map(f32ToBf16),
  );
});

test("every half comes back from f32", () => {
  const all = Uint16Array.from({ length: 65_536 }, (_, i) => i).filter((half) => (half & 0x7fff) <= 0x7c00);
  const wide = convertValues("w", view(all), "F16", "F32");
  const values = new Float32Array(wide.slice().buffer);
  assert.equal([...values], [...all].map(f16ToF32));
  assert.equal(bits(convertValues("w", wide, "F32", "F16")), [...all]);
});

test("integers stay, and everything where no type is asked for", () => {
  for (const from of Object.keys(STORED_BYTES) as StoredDType[]) {
    const float = ["F64", "F32", "F16", "BF16"].includes(from);
    assert.is(convertedDType(from, "bf16"), float ? "BF16" : from);
    assert.is(convertedDType(from, undefined), from);
    const bytes = new Uint8Array(2 * STORED_BYTES[from]).fill(0x3b);
    assert.is(convertValues("w", bytes, from, from), bytes);
  }
});

const refuses = (bytes: Uint8Array<ArrayBuffer>, from: StoredDType, to: StoredDType, message: RegExp) =>
  rejects(async () => convertValues("a.weight", bytes, from, to), ConvertError, message);

test("a finite value that would be infinite is refused; infinity stays", async () => {
  const at = /^convert: 'a\.weight': expected values of at most /;
  await refuses(
    f32(1, -65520),
    "F32",
    "F16",
    RegExp(`${at.source}65504 for f16, got -65520; convert to bf16$`),
  );
  await refuses(u16(0x4780), "BF16", "F16", RegExp(`${at.source}65504 for f16, got 65536;`));
  await refuses(f32(3.4e38), "F32", "BF16", RegExp(`${at.source}3.3895e38 for bf16, got 3.39.*e\\+38;`));
  for (const to of ["F32", "BF16", "F16"] as const)
    await refuses(f64(0, 1e39), "F64", to, RegExp(`${at.source}.* got 1e\\+39; `));
  for (const from of [f32(Infinity, -Infinity), f64(Infinity, -Infinity)])
    assert.equal(bits(convertValues("w", from, from.length === 8 ? "F32" : "F64", "F16")), [0x7c00, 0xfc00]);
});

test("NaN is refused, converted or kept", async () => {
  const nan = { F64: f64(1, NaN), F32: f32(1, NaN), F16: u16(0x3c00, 0x7c01), BF16: u16(0x3f80, 0xff81) };
  for (const [from, bytes] of Object.entries(nan) as [StoredDType, Uint8Array<ArrayBuffer>][]) {
    assert.ok(toF32(bytes, from).some(Number.isNaN));
    for (const to of new Set<StoredDType>([from, "F32", "F16", "BF16"]))
      await refuses(
        bytes,
        from,
        to,
        /^convert: 'a\.weight': expected numbers, got NaN; get the files again$/,
      );
  }
});

test.run();
