import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { checkOp, openGpus, runOp } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const EPS = 1e-5;

for (const rows of [1, 3, 65])
  for (const width of [1, 63, 64, 65, 257, 1024, 1025])
    test(`[${rows}, ${width}]`, () =>
      checkOp(
        gpus,
        "layer-norm",
        { x: [rows, width], weight: [width], bias: [width] },
        (ops, { x, weight, bias }) => ({ y: ops.layerNorm(x, weight, bias, EPS) }),
        ({ x, weight, bias }) => ({ y: ref.layerNorm(x, weight, bias, EPS) }),
      ));

for (const alpha of [1, 1.7])
  test(`of x + ${alpha} · residual`, () =>
    checkOp(
      gpus,
      "layer-norm",
      { x: [3, 65], weight: [65], bias: [65], residual: [3, 65] },
      (ops, { x, weight, bias, residual }) => ({
        y: ops.layerNorm(x, weight, bias, EPS, { x: residual, alpha }),
      }),
      ({ x, weight, bias, residual }) => ({
        y: ref.layerNorm(x, weight, bias, EPS, { x: residual, alpha }),
      }),
    ));

test("a mean far from 0 costs no digits of the variance", () =>
  checkOp(
    gpus,
    "layer-norm",
    { x: { shape: [1, 4], values: [1000, 1001, 1002, 1003] }, weight: [4], bias: [4] },
    (ops, { x, weight, bias }) => ({ y: ops.layerNorm(x, weight, bias, EPS) }),
    ({ x, weight, bias }) => ({ y: ref.layerNorm(x, weight, bias, EPS) }),
  ));

test("a weight, bias or residual of another shape is named", async () => {
  const run = (weight: number, bias: number, rows = 2) =>
    runOp(gpu, { x: [2, 5], weight: [weight], bias: [bias], residual: [rows, 5] }, (ops, t) => ({
      y: ops.layerNorm(t.x, t.weight, t.bias, EPS, { x: t.residual, alpha: 1 }),
    }));
  await expectRejects(run(4, 5), GpuError, /^layer-norm: expected weight f32 of 5, got weight \[4\] f32$/);
  await expectRejects(run(5, 6), GpuError, /^layer-norm: expected bias f32 of 5, got bias \[6\] f32$/);
  await expectRejects(
    run(5, 5, 3),
    GpuError,
    /^layer-norm: expected residual f32 \[2, 5\], got residual \[3, 5\] f32$/,
  );
});

test.run();
