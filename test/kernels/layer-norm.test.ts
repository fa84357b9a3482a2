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

test("a mean far from 0 costs no digits of the variance", () =>
  checkOp(
    gpus,
    "layer-norm",
    { x: { shape: [1, 4], values: [1000, 1001, 1002, 1003] }, weight: [4], bias: [4] },
    (ops, { x, weight, bias }) => ({ y: ops.layerNorm(x, weight, bias, EPS) }),
    ({ x, weight, bias }) => ({ y: ref.layerNorm(x, weight, bias, EPS) }),
  ));

test("a weight or bias of another width is named", async () => {
  const run = (weight: number, bias: number) =>
    runOp(gpu, { x: [2, 5], weight: [weight], bias: [bias] }, (ops, t) => ({
      y: ops.layerNorm(t.x, t.weight, t.bias, EPS),
    }));
  await expectRejects(run(4, 5), GpuError, /^layer-norm: expected weight f32 of 5, got weight \[4\] f32$/);
  await expectRejects(run(5, 6), GpuError, /^layer-norm: expected bias f32 of 5, got bias \[6\] f32$/);
});

test.run();
