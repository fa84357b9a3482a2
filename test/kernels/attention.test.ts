import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Gpu, GpuError } from "../../src/gpu/index.ts";
import type { Segment } from "../../src/kernels/index.ts";
import { checkOp, openGpus, runOp, type Spec, scalars } from "../reference/check.ts";
import { expectClose, expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

/** Segments one after the other; of each, its last queries are the last of its keys, and it has a mask of its own. */
function pack(lengths: readonly (readonly [queries: number, keys: number])[]) {
  const segments: Segment[] = [];
  let [query, key] = [0, 0];
  for (const [gate, [queries, keys]] of lengths.entries()) {
    segments.push({ query, queries, key, keys, first: Math.max(0, keys - queries), gate });
    query += queries;
    key += keys;
  }
  return { segments, queries: query, keys: key };
}

interface Case {
  lengths: readonly (readonly [number, number])[];
  heads?: number;
  kvHeads?: number;
  headDim?: number;
  causal?: boolean;
  gates?: readonly number[]; // one row of H for each segment
  reach?: number; // N of a bias: more than any index of a query or key
}

const LAYER = 1; // of 3, so that offsets and strides both matter

function inputs({ lengths, heads = 4, kvHeads = 2, headDim = 16, gates, reach = 1 }: Case) {
  const { queries, keys } = pack(lengths);
  const ones = new Array<number>(lengths.length * heads).fill(1);
  const rows = lengths.map((_, g) => (gates ?? ones).slice(g * heads, (g + 1) * heads));
  const other = new Array<number>(heads).fill(0.5);
  return {
    q: [queries, heads * headDim],
    k: [keys, kvHeads * headDim],
    v: [keys, kvHeads * headDim],
    bias: [heads * (2 * reach - 1 + queries)],
    gates: {
      shape: [lengths.length, 3, heads],
      values: rows.flatMap((r) => [...other, ...r, ...other]),
    } as Spec,
  };
}

type Names = "q" | "k" | "v" | "bias" | "gates";
type Ops = Parameters<Parameters<typeof runOp<Names, "z">>[2]>;

const run = (c: Case) => {
  const { lengths, heads = 4, kvHeads = 2, headDim = 16, causal = true, gates, reach } = c;
  return (ops: Ops[0], t: Ops[1]) => ({
    z: ops.attention(t.q, t.k, t.v, {
      heads,
      kvHeads,
      headDim,
      causal,
      tiles: ops.attentionTiles(pack(lengths).segments),
      gates: gates && { tensor: t.gates, layer: LAYER },
      bias: reach ? t.bias : undefined,
    }),
  });
};

function check(c: Case, options = {}, devices: readonly Gpu[] = gpus) {
  const { lengths, heads = 4, kvHeads = 2, headDim = 16, causal = true, reach } = c;
  return checkOp(
    devices,
    "attention",
    inputs(c),
    run(c),
    ({ q, k, v, bias, gates }) => ({
      z: ref.attention(q, k, v, pack(lengths).segments, {
        heads,
        kvHeads,
        headDim,
        causal,
        gates,
        layer: LAYER,
        bias: reach ? bias : undefined,
      }),
    }),
    options,
  );
}

const MIXED = [
  [33, 33],
  [1, 1],
  [5, 22],
] as const;

// Only in the device's own shapes: a software driver compiles each kernel for seconds.
for (const causal of [true, false])
  for (const headDim of [4, 128])
    test(`${causal ? "causal" : "bidirectional"}, heads ${headDim} wide`, () =>
      check({ lengths: MIXED, headDim, causal }, {}, [gpu]));

for (const n of [1, 15, 16, 17, 31, 32, 63, 64, 65, 257])
  test(`${n} tokens, causal and not`, async () => {
    await check({ lengths: [[n, n]], heads: 2, kvHeads: 1 });
    await check({ lengths: [[n, n]], heads: 2, kvHeads: 1, causal: false });
  });

test("a chunk of queries behind keys already cached", () =>
  check({
    lengths: [
      [7, 50],
      [40, 41],
      [1, 64],
    ],
  }));
test("fewer keys than queries, as a padded clip has", () =>
  check({
    lengths: [
      [20, 3],
      [9, 17],
    ],
    causal: false,
  }));

for (const [heads, kvHeads] of [
  [1, 1],
  [3, 3],
  [6, 2],
  [8, 1],
] as const)
  test(`${heads} query heads share ${kvHeads}`, () => check({ lengths: [[18, 18]], heads, kvHeads }));

const GATES = [1, 0, 0.25, -2, 0, 0, 0, 0, 0.5, 1, 0, 1];

test("gates 0, 1, soft and negative, another mask for each sequence", async () => {
  await check({
    lengths: [
      [17, 17],
      [40, 40],
      [1, 9],
    ],
    gates: GATES,
  });
  await check({
    lengths: [
      [17, 17],
      [40, 40],
      [1, 9],
    ],
    gates: GATES,
    causal: false,
  });
});

test("gates all 1 change no bit", async () => {
  const lengths = [
    [37, 37],
    [3, 20],
  ] as const;
  const open = { lengths, gates: new Array<number>(8).fill(1) };
  for (const device of gpus) {
    const plain = await runOp(device, inputs({ lengths }), run({ lengths }));
    const gated = await runOp(device, inputs(open), run(open));
    expectClose("attention z", gated.z, plain.z, 0);
  }
});

test("a masked head's z is exactly 0, whatever its keys hold: it is skipped, not multiplied", async () => {
  const c = { lengths: [[20, 20]], heads: 2, gates: [0, 1] } as const;
  const nan = new Array<number>(20 * 32).fill(0).map((_, i) => (i % 32 < 16 ? Number.NaN : 1));
  const specs = { ...inputs(c), k: { shape: [20, 32], values: nan }, v: { shape: [20, 32], values: nan } };
  for (const device of gpus) {
    const { z } = await runOp(device, specs, run(c));
    z.data.forEach((value, i) => {
      assert.is(value, i % 32 < 16 ? 0 : 1, `z[${i}]`);
    });
  }
});

test("a bias by position and query, with padding and gates too", async () => {
  await check({ lengths: [[9, 9]], heads: 1, kvHeads: 1, reach: 9, causal: false });
  await check({ lengths: [[70, 70], [20, 3], [5, 22]], reach: 75, causal: false }); // biome-ignore format: one line
  await check({ lengths: MIXED, reach: 33, gates: GATES });
});

for (const scalar of scalars(gpu))
  test(`computing in ${scalar}`, async () => {
    const options = { scalar, atol: scalar === "f16" ? 2e-2 : 1e-5 }; // f16: 11 bits of q, k and v; scores of size 1
    await check({ lengths: MIXED }, options, [gpu]);
    await check({ lengths: MIXED, gates: GATES, causal: false }, options, [gpu]);
  });

test("shapes that do not fit are named", async () => {
  const bad = (change: Partial<Case>, q = [4, 64], gates = [1, 3, 4]) => {
    const c = { lengths: [[4, 4]], gates: [1, 1, 1, 1], ...change } as Case;
    const bias = [4 * (2 * 4 + 4)]; // an even number of distances
    return runOp(gpu, { q, k: [4, 32], v: [4, 32], bias, gates }, run(c));
  };
  const cases: [Promise<unknown>, RegExp][] = [
    [bad({}, [4, 60]), /^attention: expected q f32 with rows of 64, got q \[4, 60\] f32$/],
    [bad({ kvHeads: 1 }), /^attention: expected k f32 with rows of 16, got k \[4, 32\] f32$/],
    [bad({ kvHeads: 3 }), /^attention: expected heads divisible by kvHeads, got 4 and 3$/],
    [bad({ headDim: 6 }), /^attention: expected headDim a multiple of 4, at most 128, got 6$/],
    [bad({ headDim: 132 }), /^attention: expected headDim a multiple of 4, at most 128, got 132$/],
    [bad({}, [4, 64], [1, 1, 4]), /^attention: expected gates \[G, > 1, 4\], got gates \[1, 1, 4\] f32$/],
    [bad({}, [4, 64], [1, 3, 5]), /^attention: expected gates \[G, > 1, 4\], got gates \[1, 3, 5\] f32$/],
    [bad({ reach: 4 }), /^attention: expected bias of 4 queries, got bias \[48\] f32$/],
    [bad({ lengths: [[4, 0]] }), /^attention: expected at least one key a sequence, got 0$/],
  ];
  for (const [promise, message] of cases) await expectRejects(promise, GpuError, message);
});

test.run();
