import { test } from "uvu";
import * as assert from "uvu/assert";
import { DryDevice, openGpu, sizeClass } from "../../src/gpu/index.ts";
import { EagerOps } from "../../src/kernels/index.ts";

test("counts what is held, and the most there was", async () => {
  const dry = new DryDevice();
  using gpu = await openGpu({ device: dry.device });
  const x = gpu.tensor("x", [1000, 3]);
  const weights = dry.mark();
  assert.is(weights, sizeClass(12_000));
  gpu.tensor("y", [50]).dispose();
  gpu.trim();
  assert.equal([dry.held, dry.peak, dry.largestBuffer], [weights, weights + 256, weights]);
  assert.is(gpu.bytes, dry.held);
  x.dispose();
  gpu.trim();
  assert.is(dry.held, 0);
});

test("kernels are recorded and submitted, and what comes back is zeros", async () => {
  const dry = new DryDevice();
  using gpu = await openGpu({ device: dry.device });
  using ops = new EagerOps(gpu, "dry");
  const x = ops.upload("x", [2, 8], new Float32Array(16).fill(1));
  const y = ops.matmul(x, ops.upload("w", [3, 8], new Float32Array(24).fill(1)));
  assert.equal(new Float32Array(await ops.submit(y)), new Float32Array(6));
  assert.is(gpu.submits, 1);
  await gpu.drain();
});

test("refuses what its limits do not allow, as a device does", async () => {
  using gpu = await openGpu({ device: new DryDevice({ bufferBytes: 1 << 20, bindingBytes: 4096 }).device });
  assert.throws(() => gpu.tensor("x", [1 << 20]), /expected at most 1048576 bytes a buffer/);
  using ops = new EagerOps(gpu, "dry");
  const row = ops.tensor("row", [1, 2048]);
  assert.throws(() => ops.argmax(row), /expected 'x' of at most 4096 bytes \(this device's binding limit\)/);
});

test.run();
