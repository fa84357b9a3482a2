import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { EagerOps } from "../../src/kernels/index.ts";

test("waiting for a software adapter takes no core", async () => {
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
});

test("others' immediates come at once, a promise's resolve among them", async () => {
  const { wait } = Atomics;
  let naps = 0;
  Atomics.wait = ((...args: [Int32Array, number, number, number?]) => {
    naps++;
    return wait(...args);
  }) as typeof wait;
  try {
    await new Promise<void>((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve) => setImmediate(() => resolve()));
    assert.is(naps, 0);
  } finally {
    Atomics.wait = wait;
  }
});

test.run();
