import { test } from "uvu";
import * as assert from "uvu/assert";
import { readBytes, readText } from "#fixtures";
import { encodeSafetensors, type StoredDType } from "../../src/io/safetensors.ts";
import { HeadMask, MaskError } from "../../src/mask/head-mask.ts";
import { readMask, writeMask } from "../../src/mask/mask-file.ts";

const demo = (task: string) => readBytes(`models/demo/masks/pytorch/${task}.safetensors`);

const tensor = (name: string, dtype: StoredDType, shape: number[], values: Float32Array | Uint8Array) => ({
  name,
  dtype,
  shape,
  bytes: new Uint8Array(values.buffer as ArrayBuffer),
});
const logits = (...values: number[]) =>
  tensor("logits", "F32", [2, values.length / 2], Float32Array.from(values));
const bits = (...bytes: number[]) => tensor("bits", "U8", [bytes.length], Uint8Array.from(bytes));
const size = { layers: "2", heads: "2" };

async function refuses(bytes: Uint8Array, message: string, name = "x.safetensors", shape?: typeof two) {
  try {
    await readMask(bytes, name, shape);
  } catch (error) {
    assert.instance(error, MaskError);
    assert.is((error as MaskError).message, `mask: ${name}: ${message}`);
    return;
  }
  assert.unreachable(message);
}
const two = { layers: 2, heads: 2 };

test("the demo's masks have as many heads on as its README says", async () => {
  const readme = readText("models/demo/README.md");
  const stated = new Map(
    [...readme.matchAll(/^\| (\w+) \(\d+\) \|.*\| (\d+) \|$/gm)].map(([, task, on]) => [task!, Number(on)]),
  );
  assert.is(stated.size, 8);
  for (const [task, on] of stated) {
    const mask = await readMask(demo(task), `${task}.safetensors`, { layers: 8, heads: 8 });
    assert.is(mask.count, on, task);
    assert.equal([mask.layers, mask.heads, mask.metadata.task], [8, 8, task]);
    assert.is(mask.toBits().length, 8);
  }
});

test("a mask of logits is written and read again: logits, metadata, heads", async () => {
  const mask = await readMask(demo("gr"), "gr.safetensors");
  const again = await readMask(writeMask(mask), "again.safetensors");
  assert.ok(again.equals(mask));
  assert.equal(again.logits, mask.logits);
  assert.equal({ ...again.metadata }, { ...mask.metadata });
});

test("a mask of bits is written and read again, its size in the metadata", async () => {
  const mask = HeadMask.random(5, 7, 20, 1).withMetadata({ task: "asr", fingerprint: "abc" });
  const file = writeMask(mask);
  const again = await readMask(file, "again");
  assert.ok(again.equals(mask));
  assert.is(again.logits, undefined);
  assert.equal({ ...again.metadata }, { task: "asr", fingerprint: "abc" });
  assert.equal(writeMask(again), file);
});

test("bare bits are exactly ⌈L·H/8⌉ bytes: 200 for 40 × 40", async () => {
  const shape = { layers: 40, heads: 40 };
  const mask = HeadMask.random(40, 40, 800, 2);
  assert.is(mask.toBits().length, 200);
  assert.ok((await readMask(mask.toBits(), "asr.bits", shape)).equals(mask));
  const expected = (got: number, why: string) =>
    `expected a safetensors file, or exactly 200 bytes for 40 × 40 heads, got ${got} bytes (safetensors: ${why})`;
  await refuses(
    new Uint8Array(0),
    expected(0, "x: expected at least the 8 bytes of the header's length, got 0 bytes"),
    "x",
    shape,
  );
  await refuses(
    new Uint8Array(201),
    expected(201, "x: expected a header, got a header length of 0"),
    "x",
    shape,
  );
  await refuses(
    mask.toBits().subarray(0, 8),
    "expected a safetensors file, or bare bits and the model's layers and heads, got 8 bytes " +
      "(safetensors: x: expected a header of at most 100000000 bytes, got a header length of " +
      `${new DataView(mask.toBits().buffer).getBigUint64(0, true)}; this is no safetensors file, or a damaged one: download it again)`,
    "x",
  );
  await refuses(Uint8Array.of(0x1f), "expected 0 beyond head 3, got 1 at bit 4", "x", two);
});

test("logits and bits in one file must agree", async () => {
  const both = (...bytes: number[]) =>
    encodeSafetensors([logits(1, -1, -1, 1), bits(...bytes)], { task: "asr" });
  const mask = await readMask(both(0b1001), "x");
  assert.equal([...mask.gates()], [1, 0, 0, 1]);
  assert.equal([...mask.logits!], [1, -1, -1, 1]);
  await refuses(both(0b1000), "expected 'bits' to be 1 where 'logits' are ≥ 0, got others; one is stale");
  await refuses(both(1, 1), "expected 1 bytes for 2 × 2 heads, got 2; this mask was made for another model");
});

test("a mask of another shape than the model's is refused", async () => {
  const wrong = "expected 2 × 2 heads, got 8 × 8; this mask was made for another model";
  await refuses(demo("asr"), wrong, "asr.safetensors", two);
  await refuses(
    encodeSafetensors([logits(1, 1, 1, 1)], { layers: "4", heads: "1" }),
    "expected 4 × 1 heads as its metadata says, got 2 × 2; the file is damaged",
  );
});

test("malformed files are refused", async () => {
  await refuses(
    encodeSafetensors([logits(1, Number.NaN, 1, 1)]),
    "expected a number for layer 0, head 1, got NaN; the training that made these logits diverged",
  );
  await refuses(encodeSafetensors([]), "expected a tensor 'logits' or 'bits', got none");
  const names = ["a", "b", "c", "d", "e"].map((name) => tensor(name, "U8", [1], Uint8Array.of(1)));
  await refuses(
    encodeSafetensors(names),
    "expected a tensor 'logits' or 'bits', got 'a', 'b', 'c' and 2 more",
  );
  await refuses(
    encodeSafetensors([tensor("logits", "F32", [4], new Float32Array(4))]),
    "expected 'logits' to be F32 [L, H], got F32 [4]",
  );
  await refuses(
    encodeSafetensors([tensor("bits", "F32", [1], new Float32Array(1))], size),
    "expected 'bits' to be U8 [⌈L·H/8⌉], got F32 [1]",
  );
  await refuses(
    encodeSafetensors([bits(1)]),
    "expected 'layers' and 'heads' in the metadata of 'bits', got neither",
  );
  await refuses(
    encodeSafetensors([bits(1)], { layers: "2" }),
    "expected whole numbers as 'layers' and 'heads' in the metadata, got 2 and undefined",
  );
  await refuses(encodeSafetensors([bits(0xff)], size), "expected 0 beyond head 3, got 1 at bit 4");
  await refuses(
    encodeSafetensors([tensor("logits", "F32", [0, 8], new Float32Array(0))]),
    "expected 1 or more layers and heads, got 0 × 8",
  );
  const cut = demo("asr").subarray(0, 300);
  await refuses(
    cut,
    "expected a safetensors file, or bare bits and the model's layers and heads, got 300 bytes " +
      "(safetensors: x.safetensors: expected 'logits' to end within the file, got end 432 of 300 bytes; the file is cut short)",
  );
});

test("a file of eight bytes whose name says safetensors is not taken for bits", async () => {
  await refuses(
    new Uint8Array(8),
    "expected a safetensors file, or exactly 8 bytes for 8 × 8 heads, got 8 bytes " +
      "(safetensors: x.safetensors: expected a header, got a header length of 0)",
    "x.safetensors",
    { layers: 8, heads: 8 },
  );
});

test.run();
