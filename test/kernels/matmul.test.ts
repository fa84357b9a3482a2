import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { matmul } from "../../src/kernels/matmul.ts";
import { type Nd, nd } from "../reference/array.ts";
import { checkOp, openGpus, runOp, scalars, weight } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";
import { expectSplit } from "../reference/split.ts";

// More than 8 rows; matvec.test.ts has fewer.
const gpus = await openGpus(test);
const [gpu] = gpus;

for (const dtype of ["f32", "f16", "bf16"] as const) {
  for (const [m, n, k] of [
    [9, 1, 64],
    [63, 65, 4],
    [64, 64, 16],
    [65, 257, 20],
    [130, 63, 260],
    [9, 64, 1],
    [65, 3, 7],
    [10, 65, 257],
  ] as const) {
    test(`${dtype} weights [${n}, ${k}], ${m} rows`, () =>
      checkOp(
        gpus,
        "matmul",
        { x: [m, k], w: weight(n, k, dtype) },
        (ops, { x, w }) => ({ y: ops.matmul(x, w) }),
        ({ x, w }) => ({ y: ref.matmul(x, w) }),
      ));
  }
}

const inputs = { x: [66, 36], w: weight(67, 36), bias: [67], residual: [66, 67] };

for (const gelu of [false, true])
  for (const parts of [["bias"], ["residual"], ["bias", "residual"], []] as ("bias" | "residual")[][]) {
    const pick = <T>(all: Record<"bias" | "residual", T>) =>
      Object.fromEntries(parts.map((part) => [part, all[part]])) as { bias?: T; residual?: T };
    test(`epilogue: ${[...parts, gelu ? "gelu" : ""].join(" ") || "none"}`, () =>
      checkOp(
        gpus,
        "matmul",
        inputs,
        (ops, t) => ({ y: ops.matmul(t.x, t.w, { ...pick(t), gelu }) }),
        (a) => ({ y: ref.matmul(a.x, a.w, { ...pick<Nd>(a), gelu }) }),
      ));
  }

// f16: 11 bits of x, of w and of each sum of four products
for (const scalar of scalars(gpu))
  test(`computing in ${scalar}`, () =>
    checkOp(
      gpus,
      "matmul",
      { x: [70, 256], w: weight(67, 256, "f16") },
      (ops, { x, w }) => ({ y: ops.matmul(x, w) }),
      ({ x, w }) => ({ y: ref.matmul(x, w) }),
      { scalar, atol: scalar === "f16" ? 1e-2 : 1e-5 },
    ));

for (const [m, n, k] of [
  [9, 300, 68], // weights
  [300, 66, 68], // rows of x and of the result
  [130, 251, 131], // nothing aligned
] as const)
  test(`x [${m}, ${k}], weights [${n}, ${k}], larger than a binding`, () =>
    expectSplit(
      gpus,
      { x: [m, k], w: weight(n, k), bias: [n], residual: [m, n] },
      (ops, { x, w, bias, residual }) => ({ y: ops.matmul(x, w, { bias, residual, gelu: true }) }),
    ));

test("rows of a weight alone, as a slice of a vocabulary", () => {
  const part = { from: 64, to: 131 };
  const rows = (w: Nd) => nd([67, 20], w.data.slice(64 * 20, 131 * 20));
  return checkOp(
    gpus,
    "matmul",
    { x: [9, 20], w: weight(140, 20, "f16"), bias: [67] },
    (ops, { x, w, bias }) => ({ y: matmul(ops, x, w, { bias }, part) }),
    ({ x, w, bias }) => ({ y: ref.matmul(x, rows(w), { bias }) }),
  );
});

test("shapes that do not fit are named", async () => {
  const wrong = (xs: number[], ws: number[], bias: number, residual: number[]) =>
    runOp(gpu, { x: xs, w: ws, bias: [bias], residual }, (ops, { x, w, bias, residual }) => ({
      y: ops.matmul(x, w, { bias, residual }),
    }));
  const cases: [Promise<unknown>, RegExp][] = [
    [
      wrong([9, 3], [5, 4], 5, [9, 5]),
      /^matmul: expected x \(for w w \[5, 4\] f32\) .* rows of 4, got x \[9, 3\] f32$/,
    ],
    [wrong([9, 4], [5, 4], 4, [9, 5]), /^matmul: expected bias f32 of 5, got bias \[4\] f32$/],
    [wrong([9, 4], [5, 4], 5, [8, 5]), /^matmul: expected residual \[9, 5\], got residual \[8, 5\] f32$/],
  ];
  for (const [promise, message] of cases) await expectRejects(promise, GpuError, message);
  const integers = { x: [65, 4], w: { shape: [5, 4], dtype: "u32" } } as const;
  const run = runOp(gpu, integers, (ops, { x, w }) => ({ y: ops.matmul(x, w) }));
  await expectRejects(run, GpuError, /^matmul: expected weights of f32, f16 or bf16, got w \[5, 4\] u32$/);
});

test.run();
