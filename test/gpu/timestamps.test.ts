import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Gpu, GpuError, openGpu, Recorder, Timestamps } from "../../src/gpu/index.ts";
import { scale, within } from "./helpers.ts";

const gpu = await openGpu();
test.after(() => gpu.dispose());
assert.ok(gpu.features.has("timestamp-query"), "every adapter that the tests run on has it");

const N = 2 ** 20;
const x = gpu.upload("x", [N], new Float32Array(N).fill(1));
const y = gpu.tensor("y", [N]);

function scaling(times: number): Recorder {
  const recorder = new Recorder(gpu, "scaling");
  const params = { count: N, shift: 0, factor: 2 };
  for (let i = 0; i < times; i++) recorder.dispatch(scale, { bind: { x, y }, params, grid: [N / 64] });
  return recorder;
}

test("work takes time, within what passes outside, and is done", async () => {
  using timestamps = new Timestamps(gpu);
  using recorder = scaling(8);
  for (let i = 0; i < 2; i++) {
    const start = performance.now();
    const ms = await within(20, recorder.time(timestamps));
    assert.ok(ms > 0 && ms <= performance.now() - start, `${ms} ms`);
  }
  assert.is((await gpu.readF32(y))[N - 1], 2);
});

test("submits and dispatches are counted", async () => {
  using timestamps = new Timestamps(gpu);
  using recorder = scaling(3);
  const { submits, dispatches } = gpu;
  await within(20, recorder.time(timestamps));
  recorder.submit();
  assert.is(gpu.submits - submits, 2);
  assert.is(gpu.dispatches - dispatches, 6);
});

test("a copy cannot be timed", () => {
  using timestamps = new Timestamps(gpu);
  using recorder = scaling(1);
  recorder.copy(x, 0, y, 0, 4);
  assert.throws(() => recorder.time(timestamps), /^internal: scaling: a copy among what is to be timed$/);
});

test("without the feature there are none", () => {
  const plain = { features: new Set() } as unknown as Gpu;
  const refused = (e: unknown) =>
    e instanceof GpuError && /^timestamps: expected .* timestamp-query, got/.test(e.message);
  assert.throws(() => new Timestamps(plain), refused);
});

test.run();
