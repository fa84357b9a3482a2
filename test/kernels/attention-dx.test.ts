import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Gpu, GpuError, type Tensor } from "../../src/gpu/index.ts";
import { attentionDx, type EagerOps, type Segment } from "../../src/kernels/index.ts";
import { type Nd, nd, row, sum } from "../reference/array.ts";
import { checkOp, normals, openGpus, runOp, type Spec } from "../reference/check.ts";
import { expectClose, expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";
import { attentionVjp } from "../reference/vjp-attention.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

interface Case {
  lengths: readonly (readonly [queries: number, keys: number])[];
  heads?: number;
  kvHeads?: number;
  headDim?: number;
  causal?: boolean;
  gates?: readonly number[]; // one row of H for each mask
  masks?: readonly number[]; // which one each segment has; without, one of its own
}

/** Segments one after the other; of each, its last queries are the last of its keys. */
function pack({ lengths, masks }: Case) {
  const segments: Segment[] = [];
  let [query, key] = [0, 0];
  for (const [i, [queries, keys]] of lengths.entries()) {
    const gate = masks ? masks[i]! : i;
    segments.push({ query, queries, key, keys, first: Math.max(0, keys - queries), gate });
    query += queries;
    key += keys;
  }
  return { segments, queries: query, keys: key };
}

const LAYER = 1; // of 3, so that offsets and strides both matter

/** What the gates' gradients are added to begins at 0.25. */
function inputs(c: Case) {
  const { heads = 4, kvHeads = 2, headDim = 16 } = c;
  const { queries, keys, segments } = pack(c);
  const masks = Math.max(...segments.map((s) => s.gate)) + 1;
  const values = Array.from({ length: masks }, (_, g) => {
    const other = new Array<number>(heads).fill(0.5);
    const own = Array.from({ length: heads }, (_, h) => c.gates?.[g * heads + h] ?? 1);
    return [...other, ...own, ...other];
  }).flat();
  return {
    q: [queries, heads * headDim],
    k: [keys, kvHeads * headDim],
    v: [keys, kvHeads * headDim],
    dz: [queries, heads * headDim],
    gates: { shape: [masks, 3, heads], values } as Spec,
    dgates: { shape: [masks, 3, heads], values: values.map(() => 0.25) } as Spec,
  };
}

type Names = keyof ReturnType<typeof inputs>;
type Tensors = Record<Names, Tensor>;

/** The forward, then `times` its backward pass; without gates nothing is added to dgates. */
const run =
  (c: Case, times = 1, qkv = true) =>
  (ops: EagerOps, t: Tensors) => {
    const { heads = 4, kvHeads = 2, headDim = 16, causal = true, gates } = c;
    const { segments, queries } = pack(c);
    const o = {
      heads,
      kvHeads,
      headDim,
      causal,
      tiles: ops.attentionTiles(segments),
      gates: gates && { tensor: t.gates, layer: LAYER },
    };
    const lse = ops.tensor("lse", [queries, heads]);
    const z = ops.attention(t.q, t.k, t.v, { ...o, lse });
    const want = { qkv, gates: gates && t.dgates };
    let got: ReturnType<typeof attentionDx>;
    for (let i = 0; i < times; i++) got = attentionDx(ops, t.dz, { ...t, z, lse }, o, want);
    assert.is(got !== undefined, qkv);
    return { ...(got ?? { dq: z, dk: z, dv: z }), dgates: t.dgates };
  };

/** The same in f64; `times` is how often the gates' gradients are added. */
const reference =
  (c: Case, times = 1) =>
  ({ q, k, v, dz, gates, dgates }: Record<Names, Nd>) => {
    const { heads = 4, kvHeads = 2, headDim = 16, causal = true } = c;
    const o = { heads, kvHeads, headDim, causal, layer: LAYER, gates: c.gates && gates };
    const d = attentionVjp(dz, q, k, v, pack(c).segments, o);
    const added = nd(
      dgates.shape,
      dgates.data.map((v, i) => v + times * (d.dgates?.data[i] ?? 0)),
    );
    return { dq: d.dq, dk: d.dk, dv: d.dv, dgates: added };
  };

const check = (c: Case, devices: readonly Gpu[] = gpus) =>
  checkOp(devices, "attention-dx", inputs(c), run(c), reference(c), { atol: 2e-5 });

const GATES = [1, 0, 0.25, -2, 0, 0, 0, 0, 0.5, 1, 0, 1];

for (const causal of [true, false])
  test(`the reference is the slope of attention, ${causal ? "causal" : "bidirectional"}`, () => {
    const lengths = [[5, 5], [2, 3], [3, 2]] as const; // biome-ignore format: a table
    const c = { lengths, headDim: 4, gates: GATES, masks: [0, 2, 0], causal };
    const spec = inputs(c);
    const at = Object.fromEntries(
      Object.entries(spec).map(([name, s], i) => {
        const shape = "shape" in s ? s.shape : s;
        const values = "shape" in s ? s.values : undefined;
        return [name, nd(shape, values ?? normals(shape.reduce((n, d) => n * d, 1), i + 1))]; // biome-ignore format: one line
      }),
    ) as Record<Names, Nd>;
    const o = { heads: 4, kvHeads: 2, headDim: 4, causal, layer: LAYER, gates: at.gates };
    const { segments } = pack(c);
    const loss = () => {
      const z = ref.attention(at.q, at.k, at.v, segments, o);
      return sum(z.data.map((value, i) => value * at.dz.data[i]!));
    };
    const got = attentionVjp(at.dz, at.q, at.k, at.v, segments, o);
    const STEP = 1e-5;
    for (const [name, d] of [
      ["q", got.dq],
      ["k", got.dk],
      ["v", got.dv],
      ["gates", got.dgates!],
    ] as const) {
      // biome-ignore format: a table
      const { data, shape } = at[name];
      const slopes = data.map((value, i) => {
        data[i] = value + STEP;
        const up = loss();
        data[i] = value - STEP;
        const down = loss();
        data[i] = value;
        return (up - down) / (2 * STEP);
      });
      const size = Math.max(...slopes.map(Math.abs));
      assert.ok(size > 0.1, name);
      expectClose(`d${name}`, d, nd(shape, slopes), 1e-6 * size);
    }
  });

for (const n of [1, 7, 33, 65])
  test(`${n} tokens, causal and not`, async () => {
    await check({ lengths: [[n, n]], heads: 2, kvHeads: 1 });
    await check({ lengths: [[n, n]], heads: 2, kvHeads: 1, causal: false, gates: [1, 0.5] });
  });

const MIXED = [
  [33, 33],
  [1, 1],
  [5, 9],
] as const;

for (const headDim of [4, 60, 128])
  test(`heads ${headDim} wide`, () =>
    check({ lengths: MIXED, headDim, heads: 2, kvHeads: 1, gates: [1, 0, 0.5, 2, 0, 1] }));

test("fewer queries than keys, as behind a cache", () =>
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
      [70, 17],
      [9, 40],
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

for (const causal of [true, false])
  test(`gates 0, 1, soft and negative, ${causal ? "causal" : "bidirectional"}`, async () => {
    const lengths = [
      [17, 17],
      [40, 40],
      [1, 9],
      [35, 35],
    ] as const;
    await check({ lengths: lengths.slice(0, 3), gates: GATES, causal }); // each its own mask, the second all off
    await check({ lengths, gates: GATES, masks: [2, 0, 2, 0], causal }); // two masks for two segments each, one for none
  });

test("the log Σ exp of the scores", async () => {
  const c = { lengths: MIXED, heads: 2, kvHeads: 2, headDim: 4 };
  const { segments, queries } = pack(c);
  await checkOp(
    gpus,
    "attention",
    inputs(c),
    (ops, { q, k, v }) => {
      const lse = ops.tensor("lse", [queries, 2]);
      ops.attention(q, k, v, { ...c, causal: true, tiles: ops.attentionTiles(segments), lse });
      return { lse };
    },
    ({ q, k }) => {
      const lse = nd([queries, 2]);
      for (const s of segments)
        for (let i = 0; i < s.queries; i++)
          for (const h of [0, 1]) {
            const keys = Array.from({ length: s.first + i + 1 }, (_, j) => row(k, s.key + j));
            const score = (key: Float64Array) =>
              sum([0, 1, 2, 3].map((d) => row(q, s.query + i)[h * 4 + d]! * key[h * 4 + d]!)) / 2;
            row(lse, s.query + i)[h] = Math.log(sum(keys.map((key) => Math.exp(score(key)))));
          }
      return { lse };
    },
  );
});

const OPEN = { lengths: MIXED, gates: new Array<number>(12).fill(1) };

test("gates all 1 change no bit, nor does another run", async () => {
  for (const device of gpus) {
    const plain = await runOp(device, inputs(OPEN), run({ lengths: MIXED }));
    for (let i = 0; i < 2; i++) {
      const gated = await runOp(device, inputs(OPEN), run(OPEN));
      for (const name of ["dq", "dk", "dv"] as const) expectClose(name, gated[name]!, plain[name]!, 0);
    }
  }
});

test("what a masked head's queries get is exactly 0, and keys that only it sees get exactly 0 too", async () => {
  const c = { lengths: [[20, 20]], heads: 2, kvHeads: 2, gates: [0, 1] } as const;
  for (const device of gpus) {
    const { dq, dk, dv } = await runOp(device, inputs(c), run(c));
    for (const d of [dq!, dk!, dv!])
      d.data.forEach((value, i) => {
        if (i % 32 < 16) assert.is(value, 0, `[${i}]`);
      });
  }
});

test("the gates' gradients are added to what is there, each time", () => {
  const c = { lengths: MIXED, gates: GATES };
  return checkOp(gpus, "attention-dx", inputs(c), run(c, 2), reference(c, 2), { atol: 4e-5 });
});

test("the gates' gradients alone are the same bits, in fewer dispatches; nothing wanted is nothing done", async () => {
  const c = { lengths: MIXED, gates: GATES };
  for (const device of gpus) {
    const all = await runOp(device, inputs(c), run(c));
    const alone = await runOp(device, inputs(c), (ops, t) => {
      const before = ops.recorder.dispatches;
      const result = run(c, 1, false)(ops, t);
      assert.is(
        ops.recorder.dispatches - before,
        4,
        "attention, then delta, dq for heads that are off, dgate",
      );
      run({ lengths: MIXED }, 1, false)(ops, t);
      assert.is(ops.recorder.dispatches - before, 5, "attention");
      return result;
    });
    expectClose("dgates", alone.dgates, all.dgates, 0);
  }
});

test("shapes that do not fit are named", async () => {
  const c: Case = { lengths: [[4, 4]], gates: [1, 1, 1, 1] };
  const bad = (change: Partial<Record<Names, readonly number[]>>, own: Partial<Case> = {}) =>
    runOp(gpu, { ...inputs(c), ...change }, (ops, t) => {
      const o = { heads: 4, kvHeads: 2, headDim: 16, causal: true, tiles: ops.attentionTiles([]), ...own };
      const lse = ops.tensor("lse", [4, 4]);
      const gates = own.gates ? { tensor: t.gates, layer: LAYER } : undefined;
      attentionDx(ops, t.dz, { ...t, z: t.q, lse }, { ...o, gates }, { qkv: true, gates: t.dgates });
      return t;
    });
  const gated = { gates: [1] };
  const cases: [Promise<unknown>, RegExp][] = [
    [bad({ dz: [4, 60] }), /^attention-dx: expected dz f32 with rows of 64, got dz \[4, 60\] f32$/],
    [bad({ dz: [5, 64] }), /^attention-dx: expected dz of 4 rows, got dz \[5, 64\] f32$/],
    [bad({ k: [4, 16] }), /^attention-dx: expected k f32 with rows of 32, got k \[4, 16\] f32$/],
    [bad({}, { headDim: 6 }), /^attention-dx: expected headDim a multiple of 4, at most 128, got 6$/],
    [bad({}), /^attention-dx: expected gates where their gradients are wanted, got none$/],
    [
      bad({ dgates: [1, 2, 4] }, gated),
      /^attention-dx: expected want.gates f32 \[1, 3, 4\], got dgates \[1, 2, 4\] f32$/,
    ],
  ];
  for (const [promise, message] of cases) await expectRejects(promise, GpuError, message);
});

test.run();
