import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Gpu, openGpu } from "../../src/gpu/gpu.ts";
import { type Checkpoint, CheckpointError, openCheckpoint } from "../../src/io/checkpoint.ts";
import { conv, type LoadOptions, loadWeights, matrix, vector } from "../../src/io/load.ts";
import { memoryFolder, SourceError } from "../../src/io/source.ts";
import { f32ToBf16, f32ToF16 } from "../../src/io/values.ts";
import { FakeGpu, f32, file, ramp, rejects, type Stored } from "./helpers.ts";

const open = (tensors: Record<string, Stored>): Promise<Checkpoint> =>
  openCheckpoint(memoryFolder("m", { "model.safetensors": file(tensors) }));

const half = (dtype: "F16" | "BF16", shape: number[], values: number[]): Stored => {
  const bits = values.map(dtype === "F16" ? f32ToF16 : f32ToBf16);
  return { dtype, shape, bytes: new Uint8Array(Uint16Array.from(bits).buffer) };
};

const floats = ({ bytes }: { bytes: Uint8Array }) => [...new Float32Array(bytes.buffer)];
const halves = ({ bytes }: { bytes: Uint8Array }) => [...new Uint16Array(bytes.buffer)];
const f16 = (...values: number[]) => values.map(f32ToF16);

test("matrices as they are, fused, widened; vectors with zeros; a tree of all that", async () => {
  const gpu = new FakeGpu();
  const doubles = new Uint8Array(Float64Array.of(0.5, -1e-3).buffer);
  const tied = matrix("q", [1, 3]);
  const loaded = await loadWeights(
    gpu,
    await open({
      q: half("F16", [1, 3], [1, 2, 3]),
      k: half("F16", [2, 3], [4, 5, 6, 7, 8, 9]),
      w: half("BF16", [1, 1], [-2]),
      d: { dtype: "F64", shape: [1, 2], bytes: doubles },
      qb: half("F16", [2], [0.5, 0.25]),
      vb: { dtype: "F32", shape: [1], bytes: f32(7) },
    }),
    {
      layers: [{ qk: matrix(["q", "k"], [3, 3]), bias: vector(["qb", null, "vb"], [2, 3, 1]) }],
      w: matrix("w", [1, 1]),
      mixed: matrix(["w", "w2"].slice(0, 1), [1, 1]),
      d: matrix("d", [1, 2]),
      tied: [tied, tied],
    },
  );
  assert.equal(halves(loaded.layers[0]!.qk), [...f16(1, 2, 3, 4, 5, 6, 7, 8, 9), 0]);
  assert.equal(floats(loaded.layers[0]!.bias), [0.5, 0.25, 0, 0, 0, 7]);
  assert.equal(halves(loaded.w), [f32ToBf16(-2), 0]);
  assert.equal(floats(loaded.d), [0.5, Math.fround(-1e-3)]);
  assert.is(loaded.tied[0], loaded.tied[1]);
  assert.is(gpu.tensors.length, 6);
  assert.equal(gpu.tensors.map(({ label, dtype }) => `${label} ${dtype}`).slice(0, 3), [
    "layers.0.qk f16",
    "layers.0.bias f32",
    "w bf16",
  ]);
});

test("parts of odd numbers of halves, over many joints, and zeros between them", async () => {
  const lengths = [1, 1, 3, 2, 5, 1];
  let n = 0;
  const parts = lengths.map((rows) =>
    half(
      "F16",
      [rows, 1],
      Array.from({ length: rows }, () => ++n),
    ),
  );
  const names = ["a", "b", "c", "d", "e", "f"];
  const gpu = new FakeGpu();
  const { m } = await loadWeights(
    gpu,
    await open(Object.fromEntries(names.map((name, i) => [name, parts[i]!]))),
    {
      m: matrix(["a", null, "b", "c", "d", null, "e", "f"], [13 + 6, 1]),
    },
  );
  assert.equal(halves(m), [...f16(1, 0, 0, 0, 2, 3, 4, 5, 6, 7, 0, 0, 0, 8, 9, 10, 11, 12, 13), 0]);
});

test("convolutions: the taps outermost, in each type", async () => {
  const [outputs, channels, taps] = [2, 3, 4];
  const values = Array.from({ length: outputs * channels * taps }, (_, i) => i);
  const at = (o: number, c: number, w: number) => values[(o * channels + c) * taps + w]!;
  const expected: number[] = [];
  for (let o = 0; o < outputs; o++)
    for (let w = 0; w < taps; w++) for (let c = 0; c < channels; c++) expected.push(at(o, c, w));
  const shape = [outputs, channels, taps];
  const gpu = new FakeGpu();
  const tensors = { a: ramp(...shape), b: half("F16", shape, values) };
  const loaded = await loadWeights(gpu, await open(tensors), {
    a: conv("a", [outputs, channels, taps]),
    b: conv("b", [outputs, channels, taps]),
  });
  assert.equal(floats(loaded.a), expected);
  assert.equal(halves(loaded.b), f16(...expected));
  assert.equal(loaded.a.shape, [2, 12]);
});

test("a tensor larger than a slice, widened or not, arrives whole, with drains in between", async () => {
  const count = 12_000_001;
  const words = new Uint16Array(count).map((_, i) => i % 0x7c00);
  const stored: Stored = { dtype: "F16", shape: [count], bytes: new Uint8Array(words.buffer) };
  const gpu = new FakeGpu();
  const steps: number[] = [];
  const loaded = await loadWeights(
    gpu,
    await open({ w: { ...stored, shape: [count, 1] }, v: stored }),
    { w: matrix("w", [count, 1]), v: vector("v", count) },
    { onProgress: (done, total) => steps.push(done / total) },
  );
  const kept = new Uint16Array(loaded.w.bytes.buffer, 0, count);
  assert.ok(kept.every((word, i) => word === words[i]));
  const widened = new Float32Array(loaded.v.bytes.buffer);
  assert.is(widened[0x3c00], 1);
  assert.is(widened.length, count);
  assert.ok(gpu.worst <= 64 * 2 ** 20, `${gpu.worst} bytes in flight`);
  assert.ok(gpu.drains >= 2);
  assert.is(steps.at(-1), 1);
  assert.equal(
    steps,
    [...steps].sort((a, b) => a - b),
  );
});

test("what does not fit the model is said before anything is uploaded", async () => {
  const gpu = new FakeGpu();
  const tree = { a: matrix("a", [2, 2]), b: vector("b", 3) };
  await rejects(
    async () => loadWeights(gpu, await open({ a: ramp(2, 3), c: ramp(1) }), tree),
    CheckpointError,
    /got 3 that differ\n {2}mis-shaped: a, .*\n {2}missing: b \[3\]\n {2}extra: c \[1\]$/,
  );
  assert.is(gpu.tensors.length, 0);
});

test("NaN: every tensor that holds one is named, and nothing stays on the GPU", async () => {
  const gpu = new FakeGpu();
  const d64 = new Uint8Array(Float64Array.of(1, Number.NaN).buffer);
  const tensors = {
    fine: { dtype: "F32", shape: [2, 1], bytes: f32(1, Number.POSITIVE_INFINITY) },
    a: { dtype: "F32", shape: [2, 1], bytes: f32(1, Number.NaN) },
    b: half("BF16", [3, 1], [1, 2, Number.NaN]),
    h: half("F16", [2], [Number.NaN, 2]),
    d: { dtype: "F64", shape: [2], bytes: d64 },
  } satisfies Record<string, Stored>;
  const tree = {
    fused: matrix(["fine", "a"], [4, 1]),
    b: matrix("b", [3, 1]),
    h: vector("h", 2),
    d: vector("d", 2),
  };
  const error = await rejects(
    async () => loadWeights(gpu, await open(tensors), tree),
    CheckpointError,
    /got NaN in 4 of 5/,
  );
  assert.equal(error.problems, ["NaN: a", "NaN: b", "NaN: h", "NaN: d"]);
  assert.is(gpu.tensors.length, 4);
  assert.is(gpu.alive, 0);
});

/** Two slices of 16 MiB and a bit. */
const big: Stored = { dtype: "U8", shape: [1, 33_000_000], bytes: new Uint8Array(33_000_000) };

test("abort: before, between slices, and while a server keeps silent", async () => {
  const load = async (options: LoadOptions, gpu = new FakeGpu()) => {
    await rejects(
      async () => loadWeights(gpu, await open({ big }), { big: matrix("big", [1, 33_000_000]) }, options),
      Error,
      /^enough$/,
    );
    return gpu;
  };
  const enough = new Error("enough");
  assert.is((await load({ signal: AbortSignal.abort(enough) })).tensors.length, 0);
  const controller = new AbortController();
  const gpu = await load({ signal: controller.signal, onProgress: () => controller.abort(enough) });
  assert.is(gpu.tensors.length, 1);
  assert.is(gpu.alive, 0);
});

test("a failing disk, a failing GPU: the error comes through and nothing stays", async () => {
  const good = await open({ a: ramp(2, 2), b: ramp(2, 2) });
  const tensors = new Map(good.tensors);
  const info = tensors.get("b")!;
  const read = () => Promise.reject(new SourceError("read: gone"));
  tensors.set("b", { ...info, source: { ...info.source, read } });
  const tree = { a: matrix("a", [2, 2]), b: matrix("b", [2, 2]) };
  const gpu = new FakeGpu();
  await rejects(() => loadWeights(gpu, { ...good, tensors }, tree), SourceError, /read: gone/);
  assert.is(gpu.alive, 0);

  const broken = new FakeGpu();
  broken.drain = () => Promise.reject(new Error("the device was lost"));
  await rejects(() => loadWeights(broken, good, tree), Error, /device was lost/);
  assert.is(broken.tensors.length, 2);
  assert.is(broken.alive, 0);
});

test("onto a real device: the bytes read back are those of the file", async () => {
  const gpu: Gpu = await openGpu();
  const checkpoint = await open({ a: ramp(3, 5), h: half("F16", [3, 1], [1, 2, 3]), b: ramp(4) });
  const loaded = await loadWeights(gpu, checkpoint, {
    a: matrix("a", [3, 5]),
    h: matrix("h", [3, 1]),
    b: vector([null, "b"], [2, 4]),
  });
  assert.equal([...(await gpu.readF32(loaded.a))], [...Array(15).keys()]);
  assert.equal([...new Uint16Array(await gpu.read(loaded.h))], f16(1, 2, 3));
  assert.equal([...(await gpu.readF32(loaded.b))], [0, 0, 0, 1, 2, 3]);
  for (const tensor of Object.values(loaded)) tensor.dispose();
  gpu.dispose();
});

test.run();
