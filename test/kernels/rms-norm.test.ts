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
        "rms-norm",
        { x: [rows, width], weight: [width] },
        (ops, { x, weight }) => ({ y: ops.rmsNorm(x, weight, EPS) }),
        ({ x, weight }) => ({ y: ref.rmsNorm(x, weight, EPS) }),
      ));

test("a row of zeros stays zero, a tiny one is governed by eps", () =>
  checkOp(
    gpus,
    "rms-norm",
    { x: { shape: [2, 3], values: [0, 0, 0, 1e-4, -2e-4, 0] }, weight: [3] },
    (ops, { x, weight }) => ({ y: ops.rmsNorm(x, weight, EPS) }),
    ({ x, weight }) => ({ y: ref.rmsNorm(x, weight, EPS) }),
  ));

test("a weight of another width is named", async () => {
  const run = runOp(gpu, { x: [2, 5], weight: [4] }, (ops, t) => ({ y: ops.rmsNorm(t.x, t.weight, EPS) }));
  await expectRejects(run, GpuError, /^rms-norm: expected weight f32 of 5, got weight \[4\] f32$/);
});

test.run();
