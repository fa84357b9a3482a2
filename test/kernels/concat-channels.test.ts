import { test } from "uvu";
import { GpuError, openGpu } from "../../src/gpu/index.ts";
import { checkOp, openGpus, runOp } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const check = (devices: typeof gpus, a: [number, number], b: [number, number]) =>
  checkOp(
    devices,
    "concat-channels",
    { a, b },
    (ops, t) => ({ y: ops.concatChannels(t.a, t.b) }),
    ({ a, b }) => ({ y: ref.concatChannels(a, b) }),
    { atol: 0 },
  );

for (const [a, b] of [
  [
    [3, 5],
    [3, 2],
  ],
  [
    [4, 63],
    [1, 65],
  ], // the second stream ends first
  [
    [2, 1],
    [7, 64],
  ], // the first one does
] as const)
  test(`[${a}] and [${b}]`, () => check(gpus, [...a], [...b]));

test("more rows than a binding holds", async () => {
  using small = await openGpu({ bindingBytes: 16_384 });
  await check([small], [300, 16], [90, 8]);
  await check([small], [90, 16], [300, 8]);
});

test("what is no f32 is named", async () => {
  const run = runOp(gpu, { a: [2, 4], b: { shape: [2, 4], dtype: "f16" } }, (ops, { a, b }) => ({
    y: ops.concatChannels(a, b),
  }));
  await expectRejects(run, GpuError, /^concat-channels: expected b f32 with rows of 4, got b \[2, 4\] f16$/);
});

test.run();
