import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { gateDx } from "../../src/kernels/gate-dx.ts";
import { type Nd, nd } from "../reference/array.ts";
import { checkOp, openGpus, runOp } from "../reference/check.ts";
import { expectClose, expectRejects } from "../reference/compare.ts";
import { withSmallBindings } from "../reference/split.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

/** Σ over g of dgates·slope, [G, L, H] → [L, H] */
function reference(dgates: Nd, slope: Nd): Nd {
  const dx = nd(dgates.shape.slice(1));
  dgates.data.forEach((d, i) => {
    dx.data[i % dx.data.length]! += d * slope.data[i]!;
  });
  return dx;
}

for (const masks of [1, 3, 65])
  for (const [layers, heads] of [
    [1, 1],
    [3, 21],
    [5, 13],
    [1, 257],
  ] as const)
    test(`[${masks}, ${layers}, ${heads}]`, () =>
      checkOp(
        gpus,
        "gate-dx",
        { dgates: [masks, layers, heads], slope: [masks, layers, heads] },
        (ops, { dgates, slope }) => ({ dx: gateDx(ops, dgates, slope) }),
        ({ dgates, slope }) => ({ dx: reference(dgates, slope) }),
        { atol: 2e-5 }, // of sums of up to 65 products
      ));

test("the same bits each time", async () => {
  const shape = [65, 5, 13];
  const run = () =>
    runOp(gpu, { dgates: shape, slope: shape }, (ops, t) => ({ dx: gateDx(ops, t.dgates, t.slope) }));
  const [first, second] = [await run(), await run()];
  expectClose("gate-dx", second.dx, first.dx, 0);
});

test("shapes that do not fit are named", async () => {
  const wrong = (dgates: number[], slope: number[]) =>
    runOp(gpu, { dgates, slope }, (ops, t) => ({ dx: gateDx(ops, t.dgates, t.slope) }));
  await expectRejects(
    wrong([2, 3], [2, 3]),
    GpuError,
    /^gate-dx: expected dgates f32 \[G, L, H\], got dgates \[2, 3\]/,
  );
  await expectRejects(
    wrong([2, 3, 4], [3, 2, 4]),
    GpuError,
    /^gate-dx: expected slope f32 \[2, 3, 4\], got slope \[3, 2, 4\] f32$/,
  );
});

test("more gates than a binding holds are an error", async () => {
  using small = await withSmallBindings(gpu);
  const shape = [17, 32, 32];
  const run = runOp(small, { dgates: shape, slope: shape }, (ops, t) => ({
    dx: gateDx(ops, t.dgates, t.slope),
  }));
  await expectRejects(
    run,
    GpuError,
    /^gate-dx: expected 'dgates' of at most 65536 bytes .*; use a smaller batch/,
  );
});

test.run();
