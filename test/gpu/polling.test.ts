import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { EagerOps } from "../../src/kernels/index.ts";

test("waiting for a software adapter takes no core, and others' immediates come at once", async () => {
  using gpu = await openGpu();
  const patient = globalThis.setImmediate;
  let polls = 0;
  globalThis.setImmediate = Object.assign((...args: Parameters<typeof patient>) => {
    polls++;
    return patient(...args);
  }, patient);
  try {
    using ops = new EagerOps(gpu, "wait");
    const x = ops.upload("x", [512, 512], new Float32Array(512 * 512));
    for (let i = 0; i < 20; i++) ops.matmul(x, x);
    const start = performance.now();
    ops.submit();
    await gpu.drain();
    const ms = performance.now() - start;
    if (gpu.software) assert.ok(polls < 10 + 4 * ms, `${polls} polls in ${ms} ms`);
  } finally {
    globalThis.setImmediate = patient;
  }

  const start = performance.now();
  for (let i = 0; i < 100; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  const ms = performance.now() - start;
  assert.ok(ms < 20, `${ms} ms for a hundred`);
});

test.run();
