import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { add } from "../../src/kernels/add.ts";
import { nd } from "../reference/array.ts";
import { checkOp, openGpus, runOp, type Spec, u32 } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import { expectSplit } from "../reference/split.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

for (const shape of [[1], [3], [63], [1, 257], [5, 65], [3, 3, 29]])
  test(`[${shape.join(", ")}]`, () =>
    checkOp(
      gpus,
      "add",
      { a: shape, b: shape },
      (ops, { a, b }) => ({ y: add(ops, a, b) }),
      ({ a, b }) => ({
        y: nd(
          a.shape,
          a.data.map((v, i) => v + b.data[i]!),
        ),
      }),
    ));

test("a tensor to itself", () =>
  checkOp(
    gpus,
    "add",
    { a: [5] },
    (ops, { a }) => ({ y: add(ops, a, a) }),
    ({ a }) => ({
      y: nd(
        a.shape,
        a.data.map((v) => 2 * v),
      ),
    }),
  ));

test("tensors larger than a binding", () =>
  expectSplit(gpus, { a: [3, 11_111], b: [3, 11_111] }, (ops, { a, b }) => ({ y: add(ops, a, b) })));

test("shapes that do not fit are named", async () => {
  const wrong = (a: Spec, b: Spec) => runOp(gpu, { a, b }, (ops, t) => ({ y: add(ops, t.a, t.b) }));
  await expectRejects(wrong(u32([1]), [1]), GpuError, /^add: expected a f32, got a \[1\] u32$/);
  await expectRejects(wrong([2, 3], [3, 2]), GpuError, /^add: expected b f32 \[2, 3\], got b \[3, 2\] f32$/);
  await expectRejects(wrong([2], u32([1, 2])), GpuError, /^add: expected b f32 \[2\], got b \[2\] u32$/);
});

test.run();
