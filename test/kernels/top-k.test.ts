import { test } from "uvu";
import * as assert from "uvu/assert";
import { GpuError } from "../../src/gpu/index.ts";
import { checkOp, normals, openGpus, runOp, type Spec } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const check = (x: Spec, k: number, options = {}) =>
  checkOp(
    gpus,
    `top-${k}`,
    { x },
    (ops, { x }) => ({ ...ops.topK(x, k) }),
    ({ x }) => ref.topK(x, k),
    options,
  );

// Rows wider than 4096 are cut into chunks and their winners ranked again.
for (const width of [1, 63, 64, 65, 257, 4096, 4097, 10_001])
  test(`rows of ${width}, k 1, 5 and 9`, async () => {
    for (const k of [1, 5, 9]) await check([3, width], k);
  });

test("k beyond the row's width: what is left over has no id", () => check([2, 3], 6));

for (const width of [300, 9000])
  test(`of equal values the smaller column comes first, rows of ${width}`, async () => {
    const values = normals(2 * width, 7).map((v) => Math.round(v));
    await check({ shape: [2, width], values }, 7);
    await check({ shape: [1, width], values: new Float64Array(width).fill(-3) }, 7);
  });

test("−∞ (a token ruled out) comes last and adds nothing to the sum", () =>
  check({ shape: [1, 5], values: [Number.NEGATIVE_INFINITY, 2, -80, Number.NEGATIVE_INFINITY, 1] }, 5));

for (const width of [70, 5000])
  test(`NaN anywhere in a row of ${width} is found first, under an id that no column has`, async () => {
    const x = { shape: [2, width], values: normals(2 * width, 9) };
    x.values[width - 2] = Number.NaN;
    const { ids } = await runOp(gpu, { x }, (ops, t) => ({ ids: ops.topK(t.x, 2).ids }));
    assert.is(ids.data[0], 0xfffffffe);
    assert.ok(ids.data[2]! < width, "the other row is as ever");
  });

test("large values: the sum neither overflows nor vanishes", () =>
  check({ shape: [2, 3], values: [1000, 1001, 999, -1000, -1001, -999] }, 2, { atol: 1e-4 })); // one bit of 1000

for (const width of [1, 65, 5000])
  test(`argmax of rows of ${width}`, () =>
    checkOp(
      gpus,
      "argmax",
      { x: { shape: [4, width], values: normals(4 * width, 3).map((v) => Math.round(4 * v)) } },
      (ops, { x }) => ({ ids: ops.argmax(x) }),
      ({ x }) => ({ ids: ref.argmax(x) }),
    ));

test("a k that is none is named", async () => {
  for (const k of [0, 1.5]) {
    const run = runOp(gpu, { x: [1, 4] }, (ops, { x }) => ({ ...ops.topK(x, k) }));
    await expectRejects(run, GpuError, new RegExp(`^top-k: expected k of at least 1, got ${k}$`));
  }
});

test.run();
