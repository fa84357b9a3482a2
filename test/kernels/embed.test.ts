import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { checkOp, openGpus, runOp, u32 } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

for (const dtype of ["f32", "f16", "bf16"] as const)
  for (const width of [1, 63, 64, 65, 257])
    test(`${dtype} table, rows of ${width}`, () =>
      checkOp(
        gpus,
        "embed",
        { table: { shape: [11, width], dtype }, ids: u32([10, 0, 3, 3, 7]) },
        (ops, { table, ids }) => ({ y: ops.embed(table, ids) }),
        ({ table, ids }) => ({ y: ref.embed(table, ids) }),
        { atol: 0 },
      ));

test("what is no id or no table is named", async () => {
  const floats = runOp(gpu, { table: [3, 4], ids: [2] }, (ops, { table, ids }) => ({
    y: ops.embed(table, ids),
  }));
  await expectRejects(floats, GpuError, /^embed: expected ids of u32, got ids \[2\] f32$/);
  const integers = { table: u32([1, 2, 3, 4], [2, 2]), ids: u32([0]) };
  const run = runOp(gpu, integers, (ops, { table, ids }) => ({ y: ops.embed(table, ids) }));
  await expectRejects(run, GpuError, /^embed: expected weights of f32, f16 or bf16, got table \[2, 2\] u32$/);
});

test.run();
