import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { type Rope, ropeAngles } from "../../src/kernels/index.ts";
import { type Nd, nd } from "../reference/array.ts";
import { checkOp, openGpus, runOp, u32 } from "../reference/check.ts";
import { expectClose, expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const THETA = 10_000;
const CACHE = 9; // rows

/** q, and the cache with the rotated keys and the values in the rows they belong to. */
function reference(
  a: Record<"qkv" | "k" | "v" | "positions" | "rows", Nd>,
  { heads, kvHeads, headDim }: Rope,
) {
  const [qEnd, kEnd] = [heads * headDim, (heads + kvHeads) * headDim];
  const turn = (x: Nd) => ref.rotate(x, headDim, a.positions, THETA);
  return {
    q: turn(ref.columns(a.qkv, 0, qEnd)),
    k: ref.scatterRows(a.k, turn(ref.columns(a.qkv, qEnd, kEnd)), a.rows),
    v: ref.scatterRows(a.v, ref.columns(a.qkv, kEnd, kEnd + kvHeads * headDim), a.rows),
  };
}

for (const [heads, kvHeads, headDim] of [
  [1, 1, 2],
  [4, 4, 16],
  [6, 2, 10],
  [4, 1, 64],
  [2, 2, 128],
] as const)
  test(`${heads} heads, ${kvHeads} of keys, ${headDim} wide`, () => {
    const angles = ropeAngles(gpu, 64, headDim, THETA);
    const o = { heads, kvHeads, headDim };
    return checkOp(
      gpus,
      "rope",
      {
        qkv: [5, (heads + 2 * kvHeads) * headDim],
        k: [CACHE, kvHeads * headDim],
        v: [CACHE, kvHeads * headDim],
        positions: u32([0, 1, 2, 63, 17]),
        rows: u32([8, 0, 5, 1, 2]),
      },
      (ops, { qkv, k, v, positions, rows }) => ({
        q: ops.rope(qkv, k, v, { ...o, angles, positions, rows }),
        k,
        v,
      }),
      (a) => reference(a, o as Rope),
      { atol: 3e-5 }, // 63 radians as f32, times values up to 4
    ).finally(() => angles.dispose());
  });

test("angles are those of frequencies and products rounded to f32", async () => {
  const angles = ropeAngles(gpu, 3000, 8, 1e6);
  const table = nd(angles.shape, await gpu.readF32(angles));
  angles.dispose();
  const want = Array.from({ length: 3000 }, (_, p) => {
    const turns = [0, 1, 2, 3].map((i) => Math.fround(p * Math.fround(1 / Math.fround(1e6 ** (i / 4)))));
    return [...turns.map(Math.cos), ...turns.map(Math.sin)];
  });
  expectClose("angles", table, nd([3000, 8], want.flat()), 1e-7);
});

test("shapes that do not fit are named", async () => {
  const wrong = (qkv: number, k: number, positions: number) =>
    runOp(
      gpu,
      {
        qkv: [2, qkv],
        k: [3, k],
        v: [3, 4],
        angles: [9, 4],
        positions: u32(new Array(positions).fill(0)),
        rows: u32([0, 1]),
      },
      (ops, { qkv, k, v, ...t }) => ({ q: ops.rope(qkv, k, v, { heads: 2, kvHeads: 1, headDim: 4, ...t }) }),
    );
  await expectRejects(
    wrong(15, 4, 2),
    GpuError,
    /^rope: expected qkv f32 with rows of 16, got qkv \[2, 15\] f32$/,
  );
  await expectRejects(wrong(16, 8, 2), GpuError, /^rope: expected k f32 with rows of 4, got k \[3, 8\] f32$/);
  await expectRejects(
    wrong(16, 4, 3),
    GpuError,
    /^rope: expected 2 positions and rows, got positions \[3\] u32, rows/,
  );
});

test.run();
