import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Dispatch, GpuError, openGpu, Recorder, type Tensor } from "../../src/gpu/index.ts";
import { scale, within } from "./helpers.ts";

const gpu = await openGpu();
test.after(() => gpu.dispose());

const times = (x: Tensor, y: Tensor, factor: number): Dispatch => ({
  bind: { x, y },
  params: { count: x.length, shift: 0, factor },
  grid: [Math.ceil(x.length / 64)],
});

const upload = (...values: number[]) => gpu.upload("x", [values.length], Float32Array.from(values));
const floats = async (bytes: Promise<ArrayBuffer>) => [...new Float32Array(await within(20, bytes))];

test("commands run in order, in one submit; parameters are of three types", async () => {
  using recorder = new Recorder(gpu, "order");
  const [x, y, z] = [upload(1, 2, 3), upload(0, 0, 0), upload(9, 9, 9)];
  recorder.dispatch(scale, times(x, y, 2));
  recorder.copy(y, 4, z, 0, 8);
  recorder.dispatch(scale, { ...times(z, y, -0.5), params: { count: 3, shift: -7, factor: -0.5 } });
  const before = gpu.submits;
  assert.equal(await floats(recorder.submit(y)), [-9, -10, -11.5]);
  assert.is(gpu.submits, before + 1);
  assert.is(recorder.dispatches, 2);
});

test("a recording runs again on whatever its inputs hold by then", async () => {
  using recorder = new Recorder(gpu, "again");
  const [x, y] = [upload(0, 0), upload(0, 0)];
  recorder.dispatch(scale, times(x, y, 3));
  recorder.dispatch(scale, times(y, x, 1)); // the next run starts from this one's result
  for (const want of [3, 9, 27]) {
    if (want === 3) gpu.write(x, new Uint8Array(Float32Array.of(1, -1).buffer));
    assert.equal(await floats(recorder.submit(x)), [want, -want]);
  }
});

test("more dispatches than one buffer of parameters holds", async () => {
  using recorder = new Recorder(gpu, "many");
  const [x, y] = [upload(1), upload(0)];
  for (let i = 0; i < 300; i++) {
    recorder.dispatch(scale, { ...times(x, y, 1), params: { count: 1, shift: i, factor: 0 } });
    recorder.dispatch(scale, { ...times(y, x, 1), params: { count: 1, shift: 1, factor: 1 } });
  }
  assert.equal(await floats(recorder.submit(x)), [300]);
});

test("part of a tensor is bound from a multiple of 256 bytes on", async () => {
  using recorder = new Recorder(gpu, "part");
  const x = gpu.upload(
    "x",
    [130],
    Float32Array.from({ length: 130 }, (_, i) => i),
  );
  const y = upload(0, 0);
  recorder.dispatch(scale, {
    bind: { x: { tensor: x, offset: 512, size: 8 }, y },
    params: { count: 2, shift: 0, factor: 1 },
    grid: [1],
  });
  assert.equal(await floats(recorder.submit(y)), [128, 129]);
});

test("no workgroups and no bytes are no commands", () => {
  using recorder = new Recorder(gpu, "nothing");
  recorder.dispatch(scale, { ...times(upload(1), upload(1), 1), grid: [0, 5] });
  recorder.copy(upload(1), 0, upload(1), 0, 0);
  assert.is(recorder.dispatches, 0);
});

test("mistakes of a kernel's TypeScript are named as internal", () => {
  using recorder = new Recorder(gpu, "mistakes");
  const [x, y, gone] = [upload(1), upload(1), upload(1)];
  gone.dispose();
  const good = times(x, y, 1);
  const cases: [Dispatch, RegExp][] = [
    [{ ...good, bind: { x } }, /^internal: scale: nothing bound to 'y'$/],
    [{ ...good, params: { count: 1, factor: 1 } }, /^internal: scale: no value for parameter 'shift'$/],
    [{ ...good, bind: { x: gone, y } }, /^internal: scale: 'x' \(x \[1\] f32\) was disposed$/],
    [{ ...good, grid: [65_536] }, /^internal: scale: grid 65536 × 1 × 1 exceeds 65535$/],
  ];
  for (const [dispatch, message] of cases)
    assert.throws(
      () => recorder.dispatch(scale, dispatch),
      (error: Error) => error instanceof GpuError && message.test(error.message),
    );
  assert.is(recorder.dispatches, 0);
});

test("a tensor larger than a binding is an error that says what to do", async () => {
  const small = await openGpu({ device: gpu.device, bindingBytes: 1024 });
  using recorder = new Recorder(small, "small");
  const x = small.tensor("x", [257]);
  assert.throws(
    () => recorder.dispatch(scale, times(x, x, 1)),
    /^scale: expected 'x' of at most 1024 bytes .*, got 1040 for x \[257\] f32; use a smaller batch/,
  );
});

test("parameters' buffers are reused once a recording is disposed", () => {
  gpu.trim();
  const before = gpu.uniforms.bytes;
  const recorder = new Recorder(gpu, "uniforms");
  recorder.dispatch(scale, times(upload(1), upload(1), 1));
  const held = gpu.uniforms.bytes;
  assert.ok(held > before);
  recorder.dispose();
  using next = new Recorder(gpu, "next");
  next.dispatch(scale, times(upload(1), upload(1), 1));
  assert.is(gpu.uniforms.bytes, held);
  next.dispose();
  gpu.trim();
  assert.is(gpu.uniforms.bytes, before);
});

test.run();
