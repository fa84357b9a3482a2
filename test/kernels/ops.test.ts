import { test } from "uvu";
import * as assert from "uvu/assert";
import { GpuError, type Tensor } from "../../src/gpu/index.ts";
import { EagerOps } from "../../src/kernels/index.ts";
import { openGpus } from "../reference/check.ts";

const [gpu] = await openGpus(test);

const floats = async (ops: EagerOps, t: Tensor) => [...new Float32Array(await ops.submit(t))];

/** Row `id` of a table whose row i holds i: what the GPU saw in `ids` when the op ran. */
function seen(ops: EagerOps, table: Tensor, id: number): Tensor {
  return ops.block(() => ops.embed(table, ops.upload("ids", [1], Uint32Array.of(id))));
}

const ROWS = Float32Array.from({ length: 8 }, (_, i) => i);

test("what is uploaded in a block stays as it was for the commands recorded in it", async () => {
  using ops = new EagerOps(gpu, "uploads");
  const table = ops.upload("table", [8, 1], ROWS);
  const sums = [3, 5, 1].map((id) => seen(ops, table, id)).map((t) => ops.concat([t]));
  assert.equal(await floats(ops, ops.concat(sums)), [3, 5, 1]);
});

test("a recording runs again and again, its uploads intact, on whatever its inputs hold by then", async () => {
  using ops = new EagerOps(gpu, "again");
  using x = gpu.upload("x", [8, 1], ROWS);
  const y = ops.concat([seen(ops, x, 2), seen(ops, x, 7)]);
  for (const factor of [1, 10, 100]) {
    gpu.write(x, new Uint8Array(ROWS.map((v) => v * factor).buffer));
    assert.equal(await floats(ops, y), [2 * factor, 7 * factor]);
  }
});

test("a block frees what it made, keeps its result, and frees what is spent", async () => {
  using ops = new EagerOps(gpu, "blocks");
  const outer = ops.upload("x", [1, 4], Float32Array.of(1, 2, 3, 4));
  let inside: Tensor | undefined;
  const first = ops.block(() => {
    inside = ops.swiglu(outer);
    return ops.concat([inside]);
  });
  assert.ok(inside?.disposed);
  assert.not(first.disposed);
  const second = ops.block(() => ops.concat([first]), first);
  assert.ok(first.disposed);
  assert.not(second.disposed);
  assert.is(
    ops.block(() => second),
    second,
    "a result from outside passes through",
  );
  ops.dispose();
  assert.ok(second.disposed && outer.disposed);
});

test("a block that throws frees what it made", () => {
  using ops = new EagerOps(gpu, "throws");
  let inside: Tensor | undefined;
  const bad = () =>
    ops.block(() => {
      inside = ops.tensor("x", [2, 3]);
      return ops.swiglu(inside);
    });
  assert.throws(bad, (error: Error) => error instanceof GpuError && /^swiglu: expected/.test(error.message));
  assert.ok(inside?.disposed);
});

test("after dispose and trim nothing is held", async () => {
  gpu.trim();
  const before = gpu.bytes;
  for (let run = 0; run < 3; run++) {
    using ops = new EagerOps(gpu, "baseline");
    const x = ops.upload("x", [1, 4], Float32Array.of(1, 2, 3, 4));
    assert.is((await floats(ops, ops.swiglu(x))).length, 2);
    assert.ok(gpu.bytes > before);
  }
  gpu.trim();
  assert.is(gpu.bytes, before);
});

test("copyRows moves whole rows", async () => {
  using ops = new EagerOps(gpu, "rows");
  const x = ops.upload("x", [4, 2], ROWS);
  const y = ops.upload("y", [3, 2], new Float32Array(6));
  ops.copyRows(x, 1, y, 1, 2);
  assert.equal(await floats(ops, y), [0, 0, 2, 3, 4, 5]);
});

test.run();
