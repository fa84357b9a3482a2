import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { swigluDx } from "../../src/kernels/swiglu-dx.ts";
import { checkOp, openGpus, runOp } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import { expectSplit } from "../reference/split.ts";
import { swigluVjp } from "../reference/vjp.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

for (const rows of [1, 3, 65])
  for (const width of [1, 63, 64, 65, 257])
    test(`[${rows}, 2·${width}]`, () =>
      checkOp(
        gpus,
        "swiglu-dx",
        { dy: [rows, width], x: [rows, 2 * width] },
        (ops, { dy, x }) => ({ dx: swigluDx(ops, dy, x) }),
        ({ dy, x }) => ({ dx: swigluVjp(dy, x) }),
      ));

test("gates far from 0 neither overflow nor vanish", () =>
  checkOp(
    gpus,
    "swiglu-dx",
    { dy: [1, 5], x: { shape: [1, 10], values: [-100, -20, 0, 20, 100, 1, 1, 1, 1, 1] } },
    (ops, { dy, x }) => ({ dx: swigluDx(ops, dy, x) }),
    ({ dy, x }) => ({ dx: swigluVjp(dy, x) }),
    { atol: 3e-5 }, // of results up to 200
  ));

test("tensors larger than a binding", () =>
  expectSplit(gpus, { dy: [300, 33], x: [300, 66] }, (ops, { dy, x }) => ({ dx: swigluDx(ops, dy, x) })));

test("shapes that do not fit are named", async () => {
  const wrong = (dy: number[], x: number[]) =>
    runOp(gpu, { dy, x }, (ops, t) => ({ dx: swigluDx(ops, t.dy, t.x) }));
  await expectRejects(
    wrong([2, 2], [2, 5]),
    GpuError,
    /^swiglu-dx: expected x f32 with rows of even width, got x/,
  );
  await expectRejects(
    wrong([2, 4], [2, 4]),
    GpuError,
    /^swiglu-dx: expected dy f32 with rows of 2, got dy \[2, 4\]/,
  );
  await expectRejects(
    wrong([3, 2], [2, 4]),
    GpuError,
    /^swiglu-dx: expected dy of 2 rows, got dy \[3, 2\] f32$/,
  );
});

test.run();
