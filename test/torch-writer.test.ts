import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openFolder } from "#files";
import { TensorSource, type TorchSource, writeTorch } from "../scripts/torch-writer.ts";
import { TorchTensor } from "../src/io/pickle.ts";
import { readTensorF32, readTorch } from "../src/io/torch-file.ts";

const folder = mkdtempSync(join(tmpdir(), "torch-"));
test.after(() => rmSync(folder, { recursive: true }));

async function written(value: TorchSource) {
  writeTorch(join(folder, "x.pt"), value);
  return await readTorch(await openFolder(folder).open("x.pt"));
}

test("plain values are read as they were written", async () => {
  const { value } = await written({
    none: null,
    flags: [true, false],
    numbers: [0, -1, 2 ** 31 - 1, 2 ** 40, -(2 ** 40), 0.1, 3e-5],
    text: "",
    "§": "ü",
    empty: [[], {}],
    state: new Map([
      [0, "a"],
      [1, "b"],
    ]),
  });
  const map = (entries: [string | number, unknown][]) => new Map(entries);
  assert.equal(
    value,
    map([
      ["none", null],
      ["flags", [true, false]],
      ["numbers", [0, -1, 2 ** 31 - 1, 2 ** 40, -(2 ** 40), 0.1, 3e-5]],
      ["text", ""],
      ["§", "ü"],
      ["empty", [[], new Map()]],
      [
        "state",
        map([
          [0, "a"],
          [1, "b"],
        ]),
      ],
    ]),
  );
});

test("tensors too, in pieces, each on a multiple of 64 bytes", async () => {
  const numbers = Float32Array.of(1, 2, 3, 4, 5, 6);
  const bytes = new Uint8Array(numbers.buffer);
  const file = await written({
    matrix: new TensorSource("F32", [2, 3], () => [bytes.subarray(0, 5), bytes.subarray(5)]),
    scalar: new TensorSource("F32", [], () => [bytes.subarray(8, 12)]),
    whole: new TensorSource("I64", [1], () => [new Uint8Array(BigInt64Array.of(-7n).buffer)]),
  });
  const tensors = file.value as Map<string, TorchTensor>;
  const want = { matrix: [[2, 3], [...numbers]], scalar: [[], [3]], whole: [[1], [-7]] } as const;
  for (const [name, [shape, values]] of Object.entries(want)) {
    const tensor = tensors.get(name);
    assert.instance(tensor, TorchTensor);
    assert.equal(tensor!.shape, shape);
    assert.equal([...(await readTensorF32(file, tensor!))], values);
  }
  const at = readFileSync(join(folder, "x.pt")).indexOf(bytes);
  assert.ok(at > 0 && at % 64 === 0, `at ${at}`);
});

test("a tensor of fewer elements than its shape says is refused", async () => {
  const short = new TensorSource("F32", [3], () => [new Uint8Array(8)]);
  assert.throws(() => writeTorch(join(folder, "short.pt"), { short }), /expected 12 bytes of data\/0, got 8/);
});

test.run();
