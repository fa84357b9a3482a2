import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { checkOp, openGpus, runOp, u32 } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const BUCKETS = 5;

for (const [tokens, heads, headDim, reach] of [
  [1, 1, 4, 1],
  [3, 2, 8, 7],
  [65, 3, 12, 65],
  [20, 12, 64, 33],
] as const)
  test(`${tokens} queries of ${heads} heads ${headDim} wide, distances to ${reach - 1}`, () => {
    const o = { heads, headDim };
    return checkOp(
      gpus,
      "relative-bias",
      {
        q: [tokens, heads * headDim],
        embed: [BUCKETS, heads],
        buckets: u32(Array.from({ length: 2 * reach - 1 }, (_, n) => (n * n) % BUCKETS)),
        weight: { shape: [8, headDim], scale: 1 / Math.sqrt(headDim) },
        bias: [8],
        scale: [heads],
      },
      (ops, { q, ...t }) => ({ y: ops.relativeBias(q, { ...o, ...t }) }),
      ({ q, ...t }) => ({ y: ref.relativeBias(q, { ...o, ...t }) }),
    );
  });

test("shapes that do not fit are named", async () => {
  const wrong = (change: Record<string, number[]>, buckets = 3) =>
    runOp(
      gpu,
      {
        q: [2, 8],
        embed: [5, 2],
        weight: [8, 4],
        bias: [8],
        scale: [2],
        ...change,
        buckets: u32(new Array(buckets).fill(0)),
      },
      (ops, { q, ...t }) => ({ y: ops.relativeBias(q, { heads: 2, headDim: 4, ...t }) }),
    );
  const cases: [Promise<unknown>, RegExp][] = [
    [wrong({ q: [2, 9] }), /^relative-bias: expected q f32 with rows of 8, got q \[2, 9\] f32$/],
    [wrong({ embed: [5, 3] }), /^relative-bias: expected embed f32 \[B, 2\], got embed \[5, 3\] f32$/],
    [wrong({}, 4), /^relative-bias: expected buckets u32 \[2N − 1\], got buckets \[4\] u32$/],
    [wrong({ weight: [8, 5] }), /^relative-bias: expected weight f32 of 32, got weight \[8, 5\] f32$/],
    [wrong({ bias: [4] }), /^relative-bias: expected bias f32 of 8, got bias \[4\] f32$/],
    [wrong({ scale: [3] }), /^relative-bias: expected scale f32 of 2, got scale \[3\] f32$/],
  ];
  for (const [promise, message] of cases) await expectRejects(promise, GpuError, message);
});

test.run();
