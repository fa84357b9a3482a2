import { test } from "uvu";
import { type Gpu, GpuError } from "../../src/gpu/index.ts";
import { matmulDx } from "../../src/kernels/matmul-dx.ts";
import { nd } from "../reference/array.ts";
import { checkOp, openGpus, runOp, type Spec, weight } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";
import { withSmallBindings } from "../reference/split.ts";
import { matmulVjp } from "../reference/vjp.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

/** A gradient [M, N] of a size that makes its products with a weight [N, K] of size 1. */
const gradient = (m: number, n: number, k: number): Spec => ({ shape: [m, n], scale: Math.sqrt(k / n) });

const check = (
  [m, n, k]: readonly [number, number, number],
  dtype: "f32" | "f16" | "bf16",
  devices: readonly Gpu[] = gpus,
) =>
  checkOp(
    devices,
    "matmul-dx",
    { dy: gradient(m, n, k), w: weight(n, k, dtype) },
    (ops, { dy, w }) => ({ dx: matmulDx(ops, dy, w) }),
    ({ dy, w }) => ({ dx: matmulVjp(dy, w) }),
  );

for (const dtype of ["f32", "f16", "bf16"] as const)
  for (const shape of [
    [1, 1, 1],
    [1, 8, 4],
    [3, 5, 7],
    [8, 66, 36], // K a multiple of 4, N not
    [9, 64, 65],
    [64, 16, 64],
    [65, 257, 68],
    [70, 63, 131],
  ] as const)
    test(`${dtype} weights [${shape[1]}, ${shape[2]}], ${shape[0]} rows`, () => check(shape, dtype));

test("what other uses gave is added", () =>
  checkOp(
    gpus,
    "matmul-dx",
    { dy: gradient(66, 37, 36), w: weight(37, 36), residual: [66, 36] },
    (ops, { dy, w, residual }) => ({ dx: matmulDx(ops, dy, w, residual) }),
    ({ dy, w, residual }) => ({
      dx: nd(
        residual.shape,
        matmulVjp(dy, w).data.map((v, i) => v + residual.data[i]!),
      ),
    }),
  ));

test("rows of a weight alone, as a slice of a vocabulary", () => {
  const [from, to] = [64, 131];
  return checkOp(
    gpus,
    "matmul-dx",
    { dy: gradient(9, to - from, 20), w: weight(140, 20, "f16") },
    (ops, { dy, w }) => ({ dx: matmulDx(ops, dy, w, undefined, { from, to }) }),
    ({ dy, w }) => ({ dx: matmulVjp(dy, nd([to - from, 20], w.data.slice(from * 20, to * 20))) }),
  );
});

for (const [m, n, k] of [
  [5, 1100, 68], // weights
  [300, 66, 68], // rows of dy and of the result
  [90, 251, 67], // all of it, nothing aligned
] as const)
  test(`[${m}, ${n}] · [${n}, ${k}] larger than a binding`, async () => {
    for (const whole of gpus) {
      using small = await withSmallBindings(whole);
      for (const dtype of ["f32", "bf16"] as const) await check([m, n, k], dtype, [small]);
      await checkOp(
        [small],
        "matmul-dx",
        { dy: gradient(m, n, k), w: weight(n, k), residual: [m, k] },
        (ops, { dy, w, residual }) => ({ dx: matmulDx(ops, dy, w, residual) }),
        ({ dy, w, residual }) => ({
          dx: nd(
            residual.shape,
            matmulVjp(dy, w).data.map((v, i) => v + residual.data[i]!),
          ),
        }),
      );
    }
  });

test("the same product as the forward, the other way", () =>
  checkOp(
    gpus,
    "matmul-dx",
    { dy: gradient(12, 20, 24), w: weight(20, 24), x: [12, 24] },
    (ops, { dy, w, x }) => ({ y: ops.matmul(matmulDx(ops, dy, w, x), w) }),
    ({ dy, w, x }) => ({
      y: ref.matmul(
        nd(
          x.shape,
          matmulVjp(dy, w).data.map((v, i) => v + x.data[i]!),
        ),
        w,
      ),
    }),
  ));

test("shapes that do not fit are named", async () => {
  const wrong = (dy: number[], residual: number[], dtype: "f32" | "u32" = "f32") =>
    runOp(gpu, { dy, w: { shape: [5, 4], dtype }, residual }, (ops, { dy, w, residual }) => ({
      dx: matmulDx(ops, dy, w, residual),
    }));
  const cases: [Promise<unknown>, RegExp][] = [
    [
      wrong([9, 3], [9, 4]),
      /^matmul-dx: expected dy \(for w w \[5, 4\] f32\) .* rows of 5, got dy \[9, 3\] f32$/,
    ],
    [wrong([9, 5], [8, 4]), /^matmul-dx: expected residual \[9, 4\], got residual \[8, 4\] f32$/],
    [wrong([9, 5], [9, 4], "u32"), /^matmul-dx: expected weights of f32, f16 or bf16, got w \[5, 4\] u32$/],
  ];
  for (const [promise, message] of cases) await expectRejects(promise, GpuError, message);
});

test.run();
