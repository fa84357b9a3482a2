import { test } from "uvu";
import { checkOp, openGpus, runOp, weight } from "../reference/check.ts";
import { expectClose } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

// Kernels for 1, up to 4 and up to 8 rows; K a multiple of 8 or not; as many threads an output as K needs, up to 32.
for (const dtype of ["f32", "f16", "bf16"] as const)
  for (const m of [1, 3, 4, 5, 8]) {
    test(`${dtype} weights, ${m} rows`, async () => {
      const shapes = [
        [1, 8],
        [63, 64],
        [65, 264],
        [257, 24],
        [2, 1],
        [64, 63],
        [65, 257],
        [63, 4],
      ] as const;
      for (const [n, k] of shapes)
        await checkOp(
          gpus,
          `matvec [${m}, ${k}] · [${n}, ${k}]ᵀ`,
          { x: [m, k], w: weight(n, k, dtype) },
          (ops, { x, w }) => ({ y: ops.matmul(x, w) }),
          ({ x, w }) => ({ y: ref.matmul(x, w) }),
        );
    });
  }

for (const m of [9, 17, 64])
  test(`${m} rows, which on a CPU it takes too`, () =>
    checkOp(
      gpus.slice(0, 1),
      "matvec",
      { x: [m, 64], w: weight(65, 64) },
      (ops, { x, w }) => ({ y: ops.matmul(x, w) }),
      ({ x, w }) => ({ y: ref.matmul(x, w) }),
    ));

for (const m of [1, 6])
  for (const gelu of [false, true])
    test(`epilogue: bias, residual${gelu ? ", gelu" : ""}, ${m} rows`, () =>
      checkOp(
        gpus,
        "matvec",
        { x: [m, 40], w: weight(67, 40), bias: [67], residual: [m, 67] },
        (ops, { x, w, bias, residual }) => ({ y: ops.matmul(x, w, { bias, residual, gelu }) }),
        ({ x, w, bias, residual }) => ({ y: ref.matmul(x, w, { bias, residual, gelu }) }),
      ));

test("8 rows and 9 agree, though another kernel computes them", async () => {
  const inputs = { x: [9, 64], w: weight(65, 64) };
  const all = await runOp(gpu, inputs, (ops, { x, w }) => ({ y: ops.matmul(x, w) }));
  const some = await runOp(gpu, inputs, (ops, { x, w }) => {
    const first = ops.tensor("x", [8, 64]);
    ops.copyRows(x, 1, first, 0, 8);
    return { y: ops.matmul(first, w) };
  });
  const last = { shape: [8, 65], data: all.y.data.subarray(65) };
  expectClose("matvec y", some.y, last, 2e-6);
});

test.run();
