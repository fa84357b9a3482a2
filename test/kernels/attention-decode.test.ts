import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Gpu, GpuError } from "../../src/gpu/index.ts";
import { checkOp, openGpus, runOp, type Spec, u32 } from "../reference/check.ts";
import { expectClose, expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

interface Case {
  capacity: number; // positions a table row has; above 256 the work is split
  last: readonly number[]; // one a sequence
  heads?: number;
  kvHeads?: number;
  headDim?: number;
  gates?: readonly number[];
}

const LAYER = 1; // of 2

/** Sequence b's position s lies in cache row (7·s + b) mod R, R prime: neither in order nor apart from the others'. */
function inputs({ capacity, last, heads = 4, kvHeads = 2, headDim = 16, gates }: Case) {
  const cache = 1103;
  const table = last.flatMap((_, b) => Array.from({ length: capacity }, (_, s) => (7 * s + b) % cache));
  const ones = new Array<number>(heads).fill(1);
  const rows = last.map((_, b) => gates?.slice(b * heads, (b + 1) * heads) ?? ones);
  return {
    q: [last.length, heads * headDim],
    k: [cache, kvHeads * headDim],
    v: [cache, kvHeads * headDim],
    table: u32(table, [last.length, capacity]),
    last: u32(last),
    gates: { shape: [last.length, 2, heads], values: rows.flatMap((r) => [...ones, ...r]) } as Spec,
  };
}

type Names = keyof ReturnType<typeof inputs>;
type Ops = Parameters<Parameters<typeof runOp<Names, "z">>[2]>;

const run =
  ({ heads = 4, kvHeads = 2, headDim = 16, gates }: Case) =>
  (ops: Ops[0], t: Ops[1]) => ({
    z: ops.attentionDecode(t.q, t.k, t.v, {
      heads,
      kvHeads,
      headDim,
      table: t.table,
      last: t.last,
      gates: gates && { tensor: t.gates, layer: LAYER },
    }),
  });

const check = (c: Case, devices: readonly Gpu[] = gpus) =>
  checkOp(devices, "attention-decode", inputs(c), run(c), ({ q, k, v, table, last, gates }) => {
    const { heads = 4, kvHeads = 2, headDim = 16 } = c;
    return { z: ref.attentionDecode(q, k, v, table, last, { heads, kvHeads, headDim, gates, layer: LAYER }) };
  });

// Only in the device's own shapes: a software driver compiles each kernel for seconds.
for (const headDim of [4, 20, 128])
  test(`heads ${headDim} wide, whole and split`, async () => {
    await check({ capacity: 70, last: [0, 63, 69], headDim }, [gpu]);
    await check({ capacity: 300, last: [299, 2], headDim }, [gpu]);
  });

for (const capacity of [1, 63, 64, 65, 256, 257, 513, 1100])
  test(`capacity ${capacity}: from the first key to the last`, () =>
    check({ capacity, last: [0, Math.floor(capacity / 2), capacity - 1] }));

for (const [heads, kvHeads] of [
  [1, 1],
  [3, 3],
  [6, 2],
  [8, 1],
] as const)
  test(`${heads} query heads share ${kvHeads}`, () => check({ capacity: 100, last: [99], heads, kvHeads }));

const GATES = [1, 0, 0.25, -2, 0, 0, 0, 0, 0.5, 1, 0, 1];

for (const capacity of [100, 400])
  test(`gates 0, 1, soft and negative, capacity ${capacity}`, () =>
    check({ capacity, last: [99, 0, 64], gates: GATES }));

test("gates all 1 change no bit, whole and split", async () => {
  for (const device of gpus)
    for (const capacity of [90, 400]) {
      const plain = { capacity, last: [capacity - 1, 5] };
      const open = { ...plain, gates: new Array<number>(8).fill(1) };
      const want = await runOp(device, inputs(plain), run(plain));
      const got = await runOp(device, inputs(open), run(open));
      expectClose("attention-decode z", got.z, want.z, 0);
    }
});

test("a cache's size beyond what is visible changes little", async () => {
  const whole = { capacity: 256, last: [255, 100] };
  const split = { capacity: 600, last: [255, 100] };
  for (const device of gpus) {
    const want = await runOp(device, inputs(whole), run(whole));
    const got = await runOp(device, inputs(split), run(split));
    expectClose("attention-decode z", got.z, want.z, 1e-6);
  }
});

test("a masked head's z is exactly 0, whatever its keys hold: it is skipped, not multiplied", async () => {
  const nan = Array.from({ length: 1103 * 32 }, (_, i) => (i % 32 < 16 ? Number.NaN : 1));
  for (const device of gpus)
    for (const capacity of [50, 300]) {
      const c = { capacity, last: [capacity - 1], heads: 2, gates: [0, 1] };
      const specs = {
        ...inputs(c),
        k: { shape: [1103, 32], values: nan },
        v: { shape: [1103, 32], values: nan },
      };
      const { z } = await runOp(device, specs, run(c));
      z.data.forEach((value, i) => {
        if (i < 16) assert.is(value, 0, `z[${i}]`);
        else assert.ok(Math.abs(value - 1) < 1e-6, `z[${i}] = ${value}`);
      });
    }
});

test("shapes that do not fit are named", async () => {
  const c = { capacity: 8, last: [7], gates: [1, 1, 1, 1] };
  const bad = (change: Partial<Record<Names, Spec>>, o: Partial<Case> = {}) =>
    runOp(gpu, { ...inputs(c), ...change }, run({ ...c, ...o }));
  const cases: [Promise<unknown>, RegExp][] = [
    [bad({ q: [1, 60] }), /^attention-decode: expected q f32 with rows of 64, got q \[1, 60\] f32$/],
    [bad({}, { kvHeads: 3 }), /^attention-decode: expected heads divisible by kvHeads, got 4 and 3$/],
    [
      bad({ last: u32([1, 1]) }),
      /^attention-decode: expected 1 rows of table and last, got table \[1, 8\] u32/,
    ],
    [
      bad({ gates: [1, 2, 3] }),
      /^attention-decode: expected gates \[G, > 1, 4\], got gates \[1, 2, 3\] f32$/,
    ],
  ];
  for (const [promise, message] of cases) await expectRejects(promise, GpuError, message);
});

test.run();
