import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { nd, rows } from "../reference/array.ts";
import { checkOp, openGpus, runOp, scalars, weight } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

interface Shape {
  length: number;
  channels: number;
  groups: number;
  taps: number;
}

const FIRST = 3;

/** The sequence lies among others on both sides, which it must neither see nor write. */
const check = ({ length, channels, groups, taps }: Shape, options = {}) =>
  checkOp(
    gpus,
    "pos-conv",
    {
      x: [FIRST + length + 2, channels],
      w: weight(channels, (taps * channels) / groups),
      bias: [channels],
      y: [FIRST + length + 2, channels],
    },
    (ops, { x, w, bias, y }) => {
      ops.posConv(x, w, y, FIRST, length, { bias, taps, groups });
      return { y };
    },
    ({ x, w, bias, y }) => {
      const alone = nd([length, channels], x.data.subarray(FIRST * channels, (FIRST + length) * channels));
      const conv = ref.posConv(alone, w, { bias, taps, groups });
      const where = nd([rows(conv)], [...Array(rows(conv)).keys()].map((t) => FIRST + t)); // biome-ignore format: one line
      return { y: ref.scatterRows(y, conv, where) };
    },
    options,
  );

for (const [length, channels, groups, taps] of [
  [1, 4, 1, 4],
  [5, 8, 2, 2],
  [9, 12, 3, 1],
  [64, 16, 1, 3],
  [65, 32, 4, 16],
  [130, 96, 2, 6],
  [30, 144, 2, 5],
] as const)
  test(`${length} rows of ${channels} channels in ${groups}, ${taps} taps`, () =>
    check({ length, channels, groups, taps }));

for (const scalar of scalars(gpu))
  test(`computing in ${scalar}`, () =>
    check(
      { length: 40, channels: 16, groups: 2, taps: 8 },
      { scalar, atol: scalar === "f16" ? 1e-2 : 1e-5 },
    ));

test("shapes that do not fit are named", async () => {
  const wrong = (x: number[], w: number[], bias: number, first = 0, groups = 2) =>
    runOp(gpu, { x, w, y: [6, 8], bias: [bias] }, (ops, t) => {
      ops.posConv(t.x, t.w, t.y, first, 5, { taps: 3, groups, bias: t.bias });
      return { y: t.y };
    });
  const cases: [Promise<unknown>, RegExp][] = [
    [
      wrong([6, 8], [8, 12], 8, 0, 4),
      /^pos-conv: expected a multiple of 4 channels in each group, got 8 in 4$/,
    ],
    [wrong([7, 8], [8, 12], 8), /^pos-conv: expected y f32 \[7, 8\], got y \[6, 8\] f32$/],
    [wrong([6, 8], [8, 24], 8), /^pos-conv: expected w f32 with rows of 12, got w \[8, 24\] f32$/],
    [wrong([6, 8], [7, 12], 8), /^pos-conv: expected w of 8 rows, got w \[7, 12\] f32$/],
    [wrong([6, 8], [8, 12], 9), /^pos-conv: expected bias f32 of 8, got bias \[9\] f32$/],
    [wrong([6, 8], [8, 12], 8, 2), /^pos-conv: expected rows 2 to 7 to fit, got x \[6, 8\] f32$/],
  ];
  for (const [promise, message] of cases) await expectRejects(promise, GpuError, message);
});

test.run();
