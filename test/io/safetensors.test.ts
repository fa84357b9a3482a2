import { test } from "uvu";
import * as assert from "uvu/assert";
import { openFolder } from "#files";
import { locate } from "#fixtures";
import {
  encodeSafetensors,
  parseHeader,
  readTensor,
  SafetensorsError,
  STORED_BYTES,
  type StoredDType,
} from "../../src/io/safetensors.ts";
import { memorySource } from "../../src/io/source.ts";
import { toF32 } from "../../src/io/values.ts";
import { f32, rawFile, rejects } from "./helpers.ts";

const parse = (bytes: Uint8Array) => parseHeader(memorySource("x.safetensors", bytes));

/** The header must be refused with exactly this after the file's name. */
const refuses = (bytes: Uint8Array, message: RegExp) =>
  rejects(
    () => parse(bytes),
    SafetensorsError,
    new RegExp(`^safetensors: x\\.safetensors: expected ${message.source}`),
  );

const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype: unknown = "F32") =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

test("what is written is read again, in every type", async () => {
  const tensors = (Object.keys(STORED_BYTES) as StoredDType[]).map((dtype) => ({
    name: `the ${dtype} "tensor" ü`,
    dtype,
    shape: [3, 1],
    bytes: Uint8Array.from({ length: 3 * STORED_BYTES[dtype] }, (_, i) => i + 1),
  }));
  const bytes = encodeSafetensors(tensors, { b: "2", a: "ü" });
  const { tensors: read, metadata } = await parse(bytes);
  assert.equal(metadata, { a: "ü", b: "2" });
  assert.is(read.size, tensors.length);
  for (const { name, dtype, shape, bytes: values } of tensors) {
    const info = read.get(name)!;
    assert.equal([info.dtype, info.shape], [dtype, shape]);
    assert.equal(await readTensor(info), values);
    assert.is(info.begin % STORED_BYTES[dtype], 0, "aligned to its element");
  }
});

test("the same tensors give the same file, whatever their order; its data is 8-aligned", () => {
  const a = { name: "a", dtype: "F32", shape: [1], bytes: f32(1) } as const;
  const b = { name: "2", dtype: "U8", shape: [], bytes: Uint8Array.of(7) } as const;
  const one = encodeSafetensors([a, b], { x: "1", y: "2" });
  assert.equal(one, encodeSafetensors([b, a], { y: "2", x: "1" }));
  assert.is(new DataView(one.buffer).getUint32(0, true) % 8, 0);
});

test("scalars, empty tensors and a file without tensors", async () => {
  const { tensors } = await parse(
    encodeSafetensors([
      { name: "scalar", dtype: "F32", shape: [], bytes: f32(5) },
      { name: "none", dtype: "F32", shape: [0, 7], bytes: new Uint8Array(0) },
    ]),
  );
  assert.equal([...toF32(await readTensor(tensors.get("scalar")!), "F32")], [5]);
  assert.is((await readTensor(tensors.get("none")!)).length, 0);
  assert.is((await parse(encodeSafetensors([]))).tensors.size, 0);
});

test("the writer refuses what it could not read again", () => {
  const a = { name: "a", dtype: "F32", shape: [2], bytes: f32(1) } as const;
  assert.throws(() => encodeSafetensors([a]), /'a': expected 8 bytes for F32 \[2\], got 4/);
  const twice = { ...a, shape: [1] };
  assert.throws(
    () => encodeSafetensors([twice, { ...twice, dtype: "U8" }]),
    /distinct tensor names, got 'a'/,
  );
  assert.throws(() => encodeSafetensors([{ ...twice, name: "__metadata__" }]), /distinct tensor names/);
});

test("reads what the reference library wrote", async () => {
  const source = await openFolder(locate("test/fixtures/whisper")).open("golden.safetensors");
  const { tensors } = await parseHeader(source);
  assert.ok(tensors.size > 5);
  for (const info of tensors.values()) {
    if (info.dtype !== "F32") continue;
    const values = toF32(await readTensor(info), info.dtype);
    assert.is(
      values.length,
      info.shape.reduce((a, b) => a * b, 1),
    );
    assert.ok(values.every(Number.isFinite), info.name);
  }
  await source.close();
});

test("a file too short for a header's length", async () => {
  await refuses(new Uint8Array(7), /at least the 8 bytes .*got 7 bytes/);
});

test("header lengths that cannot be", async () => {
  await refuses(new Uint8Array(8), /a header, got a header length of 0/);
  const length = (n: bigint) => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setBigUint64(0, n, true);
    return bytes;
  };
  await refuses(
    length(100_000_001n),
    /a header of at most 100000000 bytes, got a header length of 100000001/,
  );
  await refuses(
    length(2n ** 64n - 1n),
    /a header of at most 100000000 bytes, got a header length of 18446744073709551615/,
  );
  await refuses(length(9n), /a header of 9 bytes, got a file of 16 bytes; it is cut short/);
});

test("headers that are not UTF-8 JSON objects", async () => {
  await refuses(rawFile(" {}"), /a header that starts with '{', got byte 32/);
  await refuses(rawFile("[]"), /a header that starts with '{', got byte 91/);
  await refuses(rawFile(Uint8Array.of(0x7b, 0xff, 0x7d)), /a header in UTF-8/);
  await refuses(rawFile("{'a': 1}"), /a header in JSON/);
  await refuses(rawFile("{} {}"), /a header in JSON/);
  await refuses(rawFile('{"a": null}'), /'a' to be described by an object, got null/);
  await refuses(rawFile('{"__metadata__": {"a": 1}}'), /__metadata__ to map strings to strings, got {"a":1}/);
});

test("trailing spaces in the header are padding", async () => {
  assert.is((await parse(rawFile(`{"a": ${entry(0, 8)}}    `, 8))).tensors.size, 1);
});

test("a name twice, which JSON.parse would hide", async () => {
  await refuses(rawFile(`{"a": ${entry(0, 4)}, "a": ${entry(0, 4)}}`, 4), /every name once, got 'a' twice/);
  await refuses(
    rawFile(`{"a": ${entry(0, 4)}, "\\u0061" : ${entry(0, 4)}}`, 4),
    /every name once, got 'a' twice/,
  );
  await refuses(
    rawFile('{"__metadata__": {"k\\"{": "1", "k\\"{": "2"}}'),
    /every name once, got 'k"{' twice/,
  );
  const fine = `{"__metadata__": {"a": "a", "b": "\\\\", "c": "{\\"a\\": 1, \\"a\\": 1}"}, "a": ${entry(0, 4)}}`;
  assert.is((await parse(rawFile(fine, 4))).tensors.size, 1);
});

test("types and shapes that cannot be", async () => {
  await refuses(
    rawFile(`{"a": ${entry(0, 4, [1], "F4")}}`, 4),
    /'a' to be one of F64, .*, BOOL, got dtype "F4"/,
  );
  await refuses(rawFile(`{"a": ${entry(0, 4, [1], 7)}}`, 4), /'a' to be one of .* got dtype 7/);
  await refuses(rawFile(`{"a": ${entry(0, 4, [1], "toString")}}`, 4), /'a' to be one of/);
  for (const shape of [[-1], [1.5], "1", [null], undefined, [2 ** 60]])
    await refuses(rawFile(`{"a": ${entry(0, 4, shape ?? null)}}`, 4), /'a' to have a shape of whole numbers/);
  await refuses(
    rawFile(`{"a": ${entry(0, 4, [2 ** 31, 2 ** 31])}}`, 4),
    /'a' to have fewer than 2\^53 bytes/,
  );
  await refuses(rawFile(`{"a": ${entry(0, 8, [3])}}`, 8), /'a' \(F32 \[3\]\) to take 12 bytes, got 8/);
});

test("offsets that cannot be", async () => {
  await refuses(rawFile(`{"a": ${entry(4, 0, [1])}}`, 4), /'a' to have data_offsets .* got \[4,0\]/);
  await refuses(rawFile(`{"a": ${entry(-4, 0, [1])}}`, 4), /'a' to have data_offsets/);
  await refuses(
    rawFile('{"a": {"dtype": "F32", "shape": [1]}}', 4),
    /'a' to have data_offsets .* got undefined/,
  );
  await refuses(
    rawFile(`{"a": ${entry(0, 8)}}`, 4),
    /'a' to end within the file, got end .*; the file is cut short/,
  );
});

test("overlaps, holes and bytes too many", async () => {
  const two = (a: string, b: string, bytes: number) => rawFile(`{"a": ${a}, "b": ${b}}`, bytes);
  await refuses(two(entry(0, 8), entry(4, 12), 12), /tensors that do not overlap, got 'b' inside 'a'/);
  await refuses(two(entry(0, 8), entry(0, 8), 8), /tensors that do not overlap/);
  await refuses(
    two(entry(0, 4), entry(8, 12), 12),
    /no hole between tensors, got 4 bytes between 'a' and 'b'/,
  );
  await refuses(two(entry(8, 12), entry(4, 8), 12), /no hole .* got 4 bytes between the header and 'b'/);
  await refuses(two(entry(0, 4), entry(4, 8), 9), /the file to end with 'b', got 1 more bytes/);
});

test("every truncation of a sound file is noticed", async () => {
  const bytes = encodeSafetensors([{ name: "a", dtype: "F32", shape: [5], bytes: f32(1, 2, 3, 4, 5) }], {
    k: "v",
  });
  for (let length = 0; length < bytes.length; length++)
    await rejects(
      () => parse(bytes.slice(0, length)),
      SafetensorsError,
      /^safetensors: x\.safetensors: expected/,
    );
});

test("any damage to a header gives a typed error or a sound header, never another error", async () => {
  const bytes = encodeSafetensors([{ name: "a", dtype: "F32", shape: [2], bytes: f32(1, 2) }], { k: "v" });
  const end = bytes.length - 8;
  for (let at = 0; at < end; at++) {
    for (const byte of [0, 0x22, 0x2d, 0x39, 0x7b, 0xff]) {
      const damaged = bytes.slice();
      damaged[at] = byte;
      const error = await parse(damaged).catch((e) => e);
      if (error instanceof Error) assert.instance(error, SafetensorsError, `${error.stack}`);
    }
  }
});

test.run();
