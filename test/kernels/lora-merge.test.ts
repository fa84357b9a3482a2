import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DType, GpuError } from "../../src/gpu/index.ts";
import { loraMerge } from "../../src/kernels/lora-merge.ts";
import { type Nd, nd } from "../reference/array.ts";
import { checkOp, openGpus, rounded, runOp, type Specs } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";
import { expectSplit } from "../reference/split.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;
const STORED = ["f32", "f16", "bf16"] as const;

type Run = Parameters<typeof runOp<"w" | "a" | "b", string>>[2];
const run: Run = (ops, { w, a, b }) => {
  loraMerge(ops, w, a, b);
  return { w };
};

/** Checks every value to the bit: the numbers are such that f32 holds W + b · a exactly. */
const checkExact = (dtype: DType, inputs: Specs<"w" | "a" | "b">) =>
  checkOp(
    gpus,
    "lora-merge",
    inputs,
    run,
    ({ w, a, b }) => {
      const sum = ref.loraMerge(w, a, b);
      return {
        w: nd(
          sum.shape,
          sum.data.map((v) => rounded(v, dtype)),
        ),
      };
    },
    { atol: 0 },
  );

/** Whole numbers from −most to most, times a unit. */
const grid = (count: number, most: number, unit: number, seed: number) =>
  Float64Array.from(
    { length: count },
    (_, i) => (((i + 1) * (seed * 7919 + 13)) % (2 * most + 1)) - most,
  ).map((v) => v * unit);

const exact = (dtype: DType, [n, c, r]: readonly [number, number, number], most: number, unit: number) => ({
  w: { shape: [n, c], dtype, values: grid(n * c, most, unit, 1) },
  a: { shape: [r, c], values: grid(r * c, 5, 1 / 4, 2) },
  b: { shape: [n, r], values: grid(n * r, 3, unit, 3) },
});

for (const dtype of STORED)
  for (const shape of [
    [1, 1, 1],
    [3, 5, 2],
    [7, 64, 4],
    [5, 65, 16],
    [33, 130, 3],
  ] as const)
    test(`${dtype} [${shape}]: each sum is rounded to the nearest`, () =>
      checkExact(dtype, exact(dtype, shape, dtype === "bf16" ? 255 : 2047, 1 / 64)));

test("f16 below the normal numbers, and beyond the largest", async () => {
  await checkExact("f16", exact("f16", [9, 101, 2], 2047, 2 ** -24));
  const values = [65504, 65504, 65504, -65504, -65504, 64512];
  const a = [15.5, 16, 32, -15.5, -16, 1000];
  await checkExact("f16", {
    w: { shape: [1, 6], dtype: "f16", values },
    a: { shape: [1, 6], values: a },
    b: { shape: [1, 1], values: [1] },
  });
});

for (const dtype of STORED)
  test(`${dtype}: random numbers, within half a unit in the last place`, () => {
    const half = { f32: 2 ** -23, f16: 2 ** -11, bf16: 2 ** -8 }[dtype]; // of numbers up to 4, relative to them
    const small = { scale: 1 / 8 };
    return checkOp(
      gpus,
      "lora-merge",
      {
        w: { shape: [40, 67], dtype, ...small },
        a: { shape: [16, 67], ...small },
        b: { shape: [40, 16], ...small },
      },
      run,
      ({ w, a, b }) => ({ w: ref.loraMerge(w, a, b) }),
      { atol: half },
    );
  });

test("rows that learned nothing keep their bits", async () => {
  for (const dtype of STORED) {
    const values = [-0, 1 / 3, -0, 5e-8, 0, -1 / 3];
    const inputs = {
      w: { shape: [2, 3], dtype, values },
      a: [2, 3],
      b: { shape: [2, 2], values: [0, 0, -0, 0] },
    };
    const { w } = await runOp(gpu, inputs, run);
    for (const [i, v] of [...w!.data].entries())
      assert.ok(Object.is(v, rounded(values[i]!, dtype)), `${dtype} ${i}`);
  }
});

test("more rows than a binding holds", async () => {
  for (const dtype of STORED)
    await expectSplit(gpus, { w: { shape: [520, 96], dtype }, a: [4, 96], b: [520, 4] }, run);
});

test("shapes that do not fit are named", async () => {
  const wrong = (w: number[], a: number[], b: number[]): Promise<Record<string, Nd>> =>
    runOp(gpu, { w, a, b }, run);
  await expectRejects(
    wrong([4, 6], [2, 5], [4, 2]),
    GpuError,
    /^lora-merge: expected a f32 with rows of 6, got a \[2, 5\] f32$/,
  );
  await expectRejects(
    wrong([4, 6], [2, 6], [3, 2]),
    GpuError,
    /^lora-merge: expected b f32 \[4, 2\], got b \[3, 2\] f32$/,
  );
});

test.run();
