import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { checkOp, openGpus, runOp } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

for (const rows of [1, 2, 65])
  for (const width of [1, 63, 64, 65, 257])
    test(`[${rows}, 2·${width}]`, () =>
      checkOp(
        gpus,
        "swiglu",
        { x: [rows, 2 * width] },
        (ops, { x }) => ({ y: ops.swiglu(x) }),
        ({ x }) => ({ y: ref.swiglu(x) }),
      ));

test("gates far from 0 neither overflow nor vanish", () =>
  checkOp(
    gpus,
    "swiglu",
    { x: { shape: [1, 8], values: [-100, -20, 20, 100, 1, 1, 1, 1] } },
    (ops, { x }) => ({ y: ops.swiglu(x) }),
    ({ x }) => ({ y: ref.swiglu(x) }),
  ));

test("rows of odd width are named", async () => {
  const run = runOp(gpu, { x: [2, 5] }, (ops, { x }) => ({ y: ops.swiglu(x) }));
  await expectRejects(run, GpuError, /^swiglu: expected x f32 with rows of even width, got x \[2, 5\] f32$/);
});

test.run();
