import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { within } from "./helpers.ts";

const gpu = await openGpu();
test.after(() => gpu.dispose());

const ramp = (n: number, from: number) => Float32Array.from({ length: n }, (_, i) => from + i);

test("several reads in flight each get their own bytes", async () => {
  const sizes = [1, 64, 1000, 64, 4097, 1];
  const tensors = sizes.map((n, i) => gpu.upload(`t${i}`, [n], ramp(n, i * 10_000)));
  const reads = await within(20, Promise.all(tensors.map((t) => gpu.readF32(t))));
  for (const [i, values] of reads.entries()) assert.equal(values, ramp(sizes[i]!, i * 10_000));
});

test("a read sees what was written before it, not what is written after", async () => {
  const t = gpu.upload("t", [2], Float32Array.of(1, 2));
  const first = gpu.readF32(t);
  gpu.write(t, new Uint8Array(Float32Array.of(3, 4).buffer));
  const second = gpu.readF32(t);
  assert.equal([...(await within(20, second))], [3, 4]);
  assert.equal([...(await within(20, first))], [1, 2]);
});

test("16-bit tensors of odd length come back without their padding", async () => {
  const t = gpu.tensor("halves", [3], "f16");
  gpu.write(t, new Uint8Array(Uint16Array.of(1, 2, 3, 0).buffer));
  assert.equal([...new Uint16Array(await within(20, gpu.read(t)))], [1, 2, 3]);
});

test("an empty tensor reads as nothing", async () => {
  assert.is((await within(20, gpu.read(gpu.tensor("empty", [0, 4])))).byteLength, 0);
});

test("one buffer serves read after read; trim frees it", async () => {
  gpu.trim();
  const t = gpu.upload("t", [100], ramp(100, 0));
  const before = gpu.staging.bytes;
  for (let i = 0; i < 5; i++) {
    await within(20, gpu.read(t));
    assert.is(gpu.staging.bytes, before + 400);
  }
  gpu.trim();
  assert.is(gpu.staging.bytes, before);
});

test.run();
