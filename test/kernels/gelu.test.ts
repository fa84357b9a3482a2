import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { gelu } from "../../src/kernels/gelu.ts";
import { mapRows, type Nd } from "../reference/array.ts";
import { checkOp, openGpus, runOp, type Spec, u32 } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";
import { expectSplit } from "../reference/split.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const check = (x: Spec) =>
  checkOp(
    gpus,
    "gelu",
    { x },
    (ops, t) => ({ y: gelu(ops, t.x) }),
    (a: Record<"x", Nd>) => ({ y: mapRows(a.x, (r) => r.map(ref.gelu)) }),
  );

for (const shape of [[1], [3], [63], [1, 257], [5, 65], [3, 3, 29]])
  test(`[${shape.join(", ")}]`, () => check(shape));

test("far from 0 it is x or 0", () => check({ shape: [7], values: [-100, -6, -1e-6, 0, 1e-6, 6, 100] }));

test("tensors larger than a binding", () =>
  expectSplit(gpus, { x: [3, 11_111] }, (ops, { x }) => ({ y: gelu(ops, x) })));

test("another storage type is named", async () => {
  const run = runOp(gpu, { x: u32([1, 2]) }, (ops, { x }) => ({ y: gelu(ops, x) }));
  await expectRejects(run, GpuError, /^gelu: expected x f32, got x \[2\] u32$/);
});

test.run();
