import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { nd } from "../reference/array.ts";
import { checkOp, openGpus, runOp, scalars, weight } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

interface Shape {
  rows: number;
  channels: number;
  out: number;
  stride: number;
  outputs: number;
  taps?: number;
  at?: number;
}

/** y is longer than the outputs on both sides: what is not written must stay. */
function check({ rows, channels, out, stride, outputs, taps = 3, at = 2 }: Shape, options = {}, gelu = true) {
  const length = at + outputs + 1;
  const where = nd(
    [outputs],
    [...Array(outputs).keys()].map((t) => at + t),
  );
  return checkOp(
    gpus,
    "conv1d",
    {
      x: [rows, channels],
      w: weight(out, taps * channels),
      bias: [out],
      y: [length, out],
      residual: [length, out],
    },
    (ops, { x, w, bias, y, residual }) => {
      ops.conv1d(x, w, y, at, outputs, { bias, taps, stride, gelu, residual: gelu ? residual : undefined });
      return { y };
    },
    ({ x, w, bias, y, residual }) => {
      const conv = ref.conv1d(x, w, outputs, { bias, taps, stride, gelu });
      const added = conv.data.map((v, i) => v + (gelu ? residual.data[at * out + i]! : 0));
      return { y: ref.scatterRows(y, nd([outputs, out], added), where) };
    },
    options,
  );
}

for (const [rows, channels, out, stride, outputs, taps] of [
  [1, 4, 1, 1, 1, 3],
  [1, 5, 3, 2, 1, 3],
  [64, 8, 65, 1, 64, 3],
  [65, 8, 64, 2, 33, 3],
  [130, 12, 63, 2, 65, 3],
  [66, 5, 64, 1, 66, 3],
  [67, 7, 10, 2, 34, 3],
  [9, 6, 4, 3, 3, 5],
  [9, 4, 4, 1, 9, 1],
  [40, 80, 16, 1, 7, 3],
] as const)
  test(`[${rows}, ${channels}] → ${outputs} × ${out}, ${taps} taps, stride ${stride}`, () =>
    check({ rows, channels, out, stride, outputs, taps }));

test("without gelu or residual, from the first row on", () =>
  check({ rows: 10, channels: 8, out: 5, stride: 2, outputs: 5, at: 0 }, {}, false));

for (const scalar of scalars(gpu))
  test(`computing in ${scalar}`, () =>
    check(
      { rows: 70, channels: 16, out: 20, stride: 1, outputs: 70 },
      { scalar, atol: scalar === "f16" ? 1e-2 : 1e-5 },
    ));

test("shapes that do not fit are named", async () => {
  const wrong = (w: number[], y: number[], outputs: number, bias = 3, residual = y) =>
    runOp(gpu, { x: [6, 4], w, y, bias: [bias], residual }, (ops, t) => {
      ops.conv1d(t.x, t.w, t.y, 1, outputs, { taps: 3, stride: 2, bias: t.bias, residual: t.residual });
      return { y: t.y };
    });
  const cases: [Promise<unknown>, RegExp][] = [
    [wrong([3, 8], [9, 3], 2), /^conv1d: expected w \[O, 3·4\], got w \[3, 8\] f32$/],
    [wrong([3, 12], [9, 4], 2), /^conv1d: expected y f32 with rows of 3, got y \[9, 4\] f32$/],
    [wrong([3, 12], [9, 3], 2, 4), /^conv1d: expected bias f32 of 3, got bias \[4\] f32$/],
    [wrong([3, 12], [9, 3], 4), /^conv1d: expected 4 outputs to fit, got y \[9, 3\] f32$/],
    [wrong([3, 12], [3, 3], 3), /^conv1d: expected 3 outputs to fit, got y \[3, 3\] f32$/],
    [
      wrong([3, 12], [9, 3], 2, 3, [8, 3]),
      /^conv1d: expected residual of y's shape \[9,3\], got residual \[8, 3\] f32$/,
    ],
  ];
  for (const [promise, message] of cases) await expectRejects(promise, GpuError, message);
});

test.run();
