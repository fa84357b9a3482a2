import { test } from "uvu";
import { GpuError } from "../../src/gpu/index.ts";
import { ropeAngles } from "../../src/kernels/index.ts";
import { ropeDx } from "../../src/kernels/rope-dx.ts";
import { nd } from "../reference/array.ts";
import { checkOp, openGpus, runOp, u32 } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import { expectSplit } from "../reference/split.ts";
import { ropeVjp } from "../reference/vjp.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const THETA = 10_000;
const CACHE = 9; // rows

const NAMES = ["dq", "dk", "dv"] as const;
interface Case {
  heads: number;
  kvHeads: number;
  headDim: number;
  given?: readonly (typeof NAMES)[number][];
}

async function check({ given = NAMES, ...o }: Case): Promise<void> {
  using angles = ropeAngles(gpu, 64, o.headDim, THETA);
  const has = (name: (typeof NAMES)[number]) => given.includes(name);
  await checkOp(
    gpus,
    "rope-dx",
    {
      dq: [5, o.heads * o.headDim],
      dk: [CACHE, o.kvHeads * o.headDim],
      dv: [CACHE, o.kvHeads * o.headDim],
      positions: u32([0, 1, 2, 63, 17]),
      rows: u32([8, 0, 5, 1, 2]),
    },
    (ops, { dq, dk, dv, positions, rows }) => {
      const gradients = [
        has("dq") ? dq : undefined,
        has("dk") ? dk : undefined,
        has("dv") ? dv : undefined,
      ] as const;
      return { dqkv: ropeDx(ops, ...gradients, { ...o, angles, positions, rows }) };
    },
    ({ positions, rows, dq, dk, dv }) => {
      const or0 = (name: (typeof NAMES)[number]) =>
        has(name) ? { dq, dk, dv }[name] : nd({ dq, dk, dv }[name].shape);
      const gradients = { dq: or0("dq"), dk: or0("dk"), dv: or0("dv") };
      return { dqkv: ropeVjp(gradients, positions, rows, { headDim: o.headDim, theta: THETA }) };
    },
    { atol: 3e-5 }, // 63 radians as f32, times values up to 4
  );
}

for (const [heads, kvHeads, headDim] of [
  [1, 1, 2],
  [4, 4, 16],
  [6, 2, 10],
  [4, 1, 64],
  [2, 2, 128],
] as const)
  test(`${heads} heads, ${kvHeads} of keys, ${headDim} wide`, () => check({ heads, kvHeads, headDim }));

for (const given of [["dq"], ["dk"], ["dv"], ["dk", "dv"], []] as const)
  test(`of gradients only [${given}]`, () => check({ heads: 6, kvHeads: 2, headDim: 10, given }));

test("tensors larger than a binding", () =>
  expectSplit(
    gpus,
    {
      dq: [700, 16],
      dk: [700, 8],
      dv: [700, 8],
      angles: [4, 8],
      positions: u32(Array.from({ length: 700 }, (_, t) => t % 4)),
      rows: u32(Array.from({ length: 700 }, (_, t) => 699 - t)),
    },
    (ops, { dq, dk, dv, ...at }) => ({
      dqkv: ropeDx(ops, dq, dk, dv, { heads: 2, kvHeads: 1, headDim: 8, ...at }),
    }),
  ));

test("shapes that do not fit are named", async () => {
  const wrong = (dq: number[], dk: number[], dv: number[], rows: number[]) =>
    runOp(
      gpu,
      { dq, dk, dv, angles: [9, 4], positions: u32([0, 1]), rows: u32(rows) },
      (ops, { dq, dk, dv, ...at }) => ({
        d: ropeDx(ops, dq, dk, dv, { heads: 2, kvHeads: 1, headDim: 4, ...at }),
      }),
    );
  const cases = [
    [wrong([2, 7], [3, 4], [3, 4], [0, 1]), /^rope-dx: expected dq f32 with rows of 8, got dq \[2, 7\] f32$/],
    [wrong([3, 8], [3, 4], [3, 4], [0, 1]), /^rope-dx: expected dq of 2 rows, got dq \[3, 8\] f32$/],
    [wrong([2, 8], [3, 8], [3, 4], [0, 1]), /^rope-dx: expected dk f32 with rows of 4, got dk \[3, 8\] f32$/],
    [wrong([2, 8], [3, 4], [3, 8], [0, 1]), /^rope-dx: expected dv f32 with rows of 4, got dv \[3, 8\] f32$/],
    [
      wrong([2, 8], [3, 4], [3, 4], [0]),
      /^rope-dx: expected a row for each of 2 positions, got rows \[1\] u32$/,
    ],
  ] as const;
  for (const [run, message] of cases) await expectRejects(run, GpuError, message);
});

test.run();
