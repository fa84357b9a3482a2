import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { layerNormDx } from "../../src/kernels/layer-norm-dx.ts";
import { checkOp, openGpus, runOp } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import { expectSplit } from "../reference/split.ts";
import { layerNormVjp } from "../reference/vjp.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const EPS = 1e-5;

for (const rows of [1, 3, 65])
  for (const width of [3, 63, 64, 65, 257, 1025])
    test(`[${rows}, ${width}]`, () =>
      checkOp(
        gpus,
        "layer-norm-dx",
        { dy: [rows, width], x: [rows, width], weight: [width] },
        (ops, { dy, x, weight }) => ({ dx: layerNormDx(ops, dy, x, weight, EPS) }),
        ({ dy, x, weight }) => ({ dx: layerNormVjp(dy, x, weight, EPS) }),
      ));

test("a mean far from 0 and a row without variance", () =>
  checkOp(
    gpus,
    "layer-norm-dx",
    {
      dy: { shape: [2, 4], scale: 1 / 300 }, // 1/√eps is 316
      x: { shape: [2, 4], values: [100, 101, 100, 101.5, 7, 7, 7, 7] },
      weight: [4],
    },
    (ops, { dy, x, weight }) => ({ dx: layerNormDx(ops, dy, x, weight, EPS) }),
    ({ dy, x, weight }) => ({ dx: layerNormVjp(dy, x, weight, EPS) }),
  ));

test("tensors larger than a binding", () =>
  expectSplit(gpus, { dy: [300, 65], x: [300, 65], weight: [65] }, (ops, { dy, x, weight }) => ({
    dx: layerNormDx(ops, dy, x, weight, EPS),
  })));

test("shapes that do not fit are named", async () => {
  const wrong = (dy: number[], weight: number) =>
    runOp(gpu, { dy, x: [2, 5], weight: [weight] }, (ops, t) => ({
      dx: layerNormDx(ops, t.dy, t.x, t.weight, EPS),
    }));
  await expectRejects(
    wrong([2, 5], 4),
    GpuError,
    /^layer-norm-dx: expected weight f32 of 5, got weight \[4\] f32$/,
  );
  await expectRejects(
    wrong([3, 5], 5),
    GpuError,
    /^layer-norm-dx: expected dy f32 \[2, 5\], got dy \[3, 5\] f32$/,
  );
});

test.run();
