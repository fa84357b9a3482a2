import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { geluDx } from "../../src/kernels/gelu-dx.ts";
import { checkOp, openGpus, runOp, type Spec, u32 } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import { expectSplit } from "../reference/split.ts";
import { geluVjp } from "../reference/vjp.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const check = (dy: Spec, x: Spec) =>
  checkOp(
    gpus,
    "gelu-dx",
    { dy, x },
    (ops, t) => ({ dx: geluDx(ops, t.dy, t.x) }),
    (a) => ({ dx: geluVjp(a.dy, a.x) }),
  );

for (const shape of [[1], [3], [63], [1, 257], [5, 65], [3, 3, 29]])
  test(`[${shape.join(", ")}]`, () => check(shape, shape));

test("far from 0 the slope is 1 or 0", () =>
  check([7], { shape: [7], values: [-100, -6, -1e-6, 0, 1e-6, 6, 100] }));

test("tensors larger than a binding", () =>
  expectSplit(gpus, { dy: [3, 11_111], x: [3, 11_111] }, (ops, { dy, x }) => ({ dx: geluDx(ops, dy, x) })));

test("shapes that do not fit are named", async () => {
  const wrong = (dy: Spec, x: Spec) => runOp(gpu, { dy, x }, (ops, t) => ({ dx: geluDx(ops, t.dy, t.x) }));
  await expectRejects(wrong([4], u32([1, 2])), GpuError, /^gelu-dx: expected x f32, got x \[2\] u32$/);
  await expectRejects(
    wrong([3, 2], [2, 3]),
    GpuError,
    /^gelu-dx: expected dy f32 \[2, 3\], got dy \[3, 2\] f32$/,
  );
});

test.run();
