import { test } from "uvu";
import * as assert from "uvu/assert";
import { DeviceLostError, type Gpu, GpuError, openGpu, Recorder } from "../../src/gpu/index.ts";
import { expectRejects } from "../reference/compare.ts";
import { scale, within } from "./helpers.ts";

const gpu = await openGpu();
test.after(() => gpu.dispose());

const ones = (g: Gpu, n = 4) => g.upload("x", [n], new Float32Array(n).fill(1));

/** Runs one kernel on this device and checks what it wrote. */
async function works(g: Gpu): Promise<void> {
  const [x, y] = [ones(g), ones(g)];
  using recorder = new Recorder(g, "works");
  recorder.dispatch(scale, { bind: { x, y }, params: { count: 4, shift: 1, factor: 2 }, grid: [1] });
  assert.equal([...new Float32Array(await within(20, recorder.submit(y)))], [3, 3, 3, 3]);
}

test("values of three types survive the way there and back", async () => {
  assert.equal(
    [...(await gpu.readF32(gpu.upload("f", [3], Float32Array.of(1.5, -2, 1e30))))],
    [1.5, -2, Math.fround(1e30)],
  );
  assert.equal(
    [...new Uint32Array(await gpu.read(gpu.upload("u", [2], Uint32Array.of(7, 2 ** 32 - 1))))],
    [7, 2 ** 32 - 1],
  );
  assert.equal([...new Int32Array(await gpu.read(gpu.upload("i", [1, 2], Int32Array.of(-7, 3))))], [-7, 3]);
  const view = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  assert.equal([...(await gpu.readF32(gpu.upload("view", [2], view)))], [2, 3]);
});

test("an upload of another length than its shape is an error", () => {
  assert.throws(
    () => gpu.upload("x", [2, 3], new Float32Array(5)),
    (error: Error) =>
      error instanceof GpuError && error.message === "gpu: expected 6 values for x [2, 3], got 5",
  );
});

test("a write is of whole words inside the tensor", async () => {
  const t = gpu.upload("t", [4], new Float32Array(4));
  gpu.write(t, new Uint8Array(Float32Array.of(5, 6).buffer), 8);
  assert.equal([...(await gpu.readF32(t))], [0, 0, 5, 6]);
  for (const [bytes, at] of [
    [3, 0],
    [4, 2],
    [20, 0],
    [8, 12],
  ] as const)
    assert.throws(
      () => gpu.write(t, new Uint8Array(bytes), at),
      new RegExp(
        `^gpu: expected a write of whole 4-byte words inside the 16 bytes of t \\[4\\] f32, got ${bytes} bytes at ${at}$`,
      ),
    );
});

test("limits and names are the device's", () => {
  assert.ok(gpu.limits.bindingBytes >= 128 * 2 ** 20 && gpu.limits.workgroupBytes >= 16_384);
  assert.is(typeof gpu.info.vendor, "string");
});

test("a binding limit that no kernel could use is an error", async () => {
  const open = openGpu({ device: gpu.device, bindingBytes: 100 });
  await expectRejects(open, GpuError, /^openGpu: expected bindingBytes of at least 256, got 100$/);
});

test("the caller's device stays the caller's", async () => {
  const guest = await openGpu({ device: gpu.device });
  await works(guest);
  guest.dispose();
  assert.throws(
    () => ones(guest),
    /^gpu: expected an open device, got a disposed one; call openGpu\(\) again$/,
  );
  await works(gpu);
});

test("a disposed device says so", async () => {
  const own = await openGpu();
  const t = ones(own);
  own.dispose();
  own.dispose();
  assert.throws(() => ones(own), /^gpu: /);
  assert.throws(() => own.write(t, new Uint8Array(4)), /^gpu: /);
  await expectRejects(within(10, (async () => own.read(t))()), GpuError, /^gpu: /);
});

test("a lost device: a typed error for all that wait and all that come, and a new one works", async () => {
  const lost = await openGpu();
  const t = ones(lost);
  const waiting = [lost.readF32(t), lost.read(t), lost.drain(), lost.wait(new Promise(() => {}))];
  lost.device.destroy();
  for (const promise of waiting) {
    await expectRejects(
      within(10, promise),
      DeviceLostError,
      /^gpu: the device was lost .*openGpu\(\) opens/,
    );
  }
  assert.throws(
    () => ones(lost),
    (error: Error) => error instanceof DeviceLostError,
  );
  assert.throws(
    () => lost.write(t, new Uint8Array(4)),
    (error: Error) => error instanceof DeviceLostError,
  );
  await expectRejects(within(10, (async () => lost.read(t))()), DeviceLostError, /lost/);
  await expectRejects(within(10, lost.drain()), DeviceLostError, /lost/);
  lost.dispose();
  const fresh = await openGpu();
  await works(fresh);
  fresh.dispose();
});

test("disposing while a read waits ends it", async () => {
  const own = await openGpu();
  const read = own.read(ones(own));
  own.dispose();
  await expectRejects(within(10, read), GpuError, /./);
});

test("bytes return to where they were after work and trim", async () => {
  gpu.trim();
  const before = gpu.bytes;
  const t = ones(gpu, 100_000);
  assert.ok(gpu.bytes >= before + 400_000);
  await gpu.readF32(t);
  t.dispose();
  gpu.trim();
  assert.is(gpu.bytes, before);
});

test.run();
