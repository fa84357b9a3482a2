import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { checkOp, openGpus, runOp, u32 } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

// Two clips of 5 and 4 rows: the fifth row has no partner and is left out, no pair holds rows of both.
for (const width of [1, 63, 64, 65, 257])
  test(`rows of ${width}`, () =>
    checkOp(
      gpus,
      "avg-pool",
      { x: [9, width], first: u32([0, 2, 5, 7]) },
      (ops, { x, first }) => ({ y: ops.avgPool(x, first) }),
      ({ x, first }) => ({ y: ref.avgPool(x, first) }),
      { atol: 1e-6 },
    ));

test("what are no rows is named", async () => {
  const run = runOp(gpu, { x: [4, 3], first: [2] }, (ops, { x, first }) => ({ y: ops.avgPool(x, first) }));
  await expectRejects(run, GpuError, /^avg-pool: expected first of u32, got first \[2\] f32$/);
  const half = { x: { shape: [4, 4], dtype: "f16" }, first: u32([0]) } as const;
  const packed = runOp(gpu, half, (ops, { x, first }) => ({ y: ops.avgPool(x, first) }));
  await expectRejects(packed, GpuError, /^avg-pool: expected x f32 with rows of 4, got x \[4, 4\] f16$/);
});

test.run();
