import { test } from "uvu";
import { TapedOps } from "../../src/autograd/index.ts";
import { GpuError, type Tensor } from "../../src/gpu/index.ts";
import { add, ropeAngles, type Segment } from "../../src/kernels/index.ts";
import { mapRows, type Nd, nd, row } from "../reference/array.ts";
import { fill, openGpus, type Spec, u32, weight } from "../reference/check.ts";
import * as ref from "../reference/ops.ts";
import { checkVjp } from "./tape.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;
const EPS = 1e-2; // large enough that dropping it shows

const plus = (a: Nd, b: Nd): Nd =>
  nd(
    a.shape,
    a.data.map((v, i) => v + b.data[i]!),
  );
const geluOf = (x: Nd): Nd => mapRows(x, (r) => r.map(ref.gelu));

for (const dtype of ["f32", "f16", "bf16"] as const)
  for (const [m, n, k] of [
    [3, 5, 7],
    [9, 13, 12],
  ] as const)
    test(`matmul: ${m} rows, ${dtype} weights [${n}, ${k}]`, () =>
      checkVjp(
        gpus,
        { x: [m, k], w: weight(n, k, dtype) },
        (ops, { x, w }) => ops.matmul(x, w),
        ({ x, w }) => ref.matmul(x, w),
        ["x"],
      ));

const PRODUCT = { x: [9, 8], w: weight(11, 8), bias: [11], residual: [9, 11] } as const;

for (const gelu of [false, true])
  for (const wrt of [["x"], ["residual"], ["x", "residual"]] as const)
    test(`matmul with bias${gelu ? ", GELU" : ""} and residual, of ${wrt.join(" and ")}`, () =>
      checkVjp(
        gpus,
        PRODUCT,
        (ops, { x, w, bias, residual }) => ops.matmul(x, w, { bias, gelu, residual }),
        ({ x, w, bias, residual }) => ref.matmul(x, w, { bias, gelu, residual }),
        wrt,
      ));

test("rmsNorm", () =>
  checkVjp(
    gpus,
    { x: [3, 65], weight: [65] },
    (ops, { x, weight }) => ops.rmsNorm(x, weight, EPS),
    ({ x, weight }) => ref.rmsNorm(x, weight, EPS),
    ["x"],
  ));

test("layerNorm", () =>
  checkVjp(
    gpus,
    { x: [3, 65], weight: [65], bias: [65] },
    (ops, { x, weight, bias }) => ops.layerNorm(x, weight, bias, EPS),
    ({ x, weight, bias }) => ref.layerNorm(x, weight, bias, EPS),
    ["x"],
  ));

test("swiglu", () =>
  checkVjp(
    gpus,
    { x: [3, 10] },
    (ops, { x }) => ops.swiglu(x),
    ({ x }) => ref.swiglu(x),
    ["x"],
  ));

test("gelu", () =>
  checkVjp(
    gpus,
    { x: [3, 5] },
    (ops, { x }) => ops.gelu(x),
    ({ x }) => geluOf(x),
    ["x"],
  ));

test("add", () =>
  checkVjp(
    gpus,
    { a: [3, 5], b: [3, 5] },
    (ops, { a, b }) => ops.add(a, b),
    ({ a, b }) => plus(a, b),
    ["a", "b"],
  ));

test("embed, ids repeated, the table learned", () =>
  checkVjp(
    gpus,
    { table: [5, 7], ids: u32([3, 0, 3, 3, 1]) },
    (ops, { table, ids }) => ops.embed(table, ids),
    ({ table, ids }) => ref.embed(table, ids),
    ["table"],
  ));

for (const dtype of ["f32", "f16", "bf16"] as const)
  test(`crossEntropy over ${dtype} weights`, () =>
    checkVjp(
      gpus,
      { x: [9, 8], w: weight(67, 8, dtype), targets: u32([66, 0, 1, 0, 5, 6, 7, 8, 64]) },
      (ops, { x, w, targets }) => ops.crossEntropy(x, w, targets),
      ({ x, w, targets }) => ({ ...ref.crossEntropy(x, w, targets), shape: [9] }),
      ["x"],
    ));

test("an op of one's own: its result is made elsewhere, its gradients are what it says", () => {
  const inputs = { a: [2, 4], b: [2, 4], w: weight(3, 4) } as const;
  const { a, b } = fill(inputs);
  const y = Float32Array.from(a.data, (v, i) => 3 * v + b.data[i]!);
  return checkVjp(
    gpus,
    inputs,
    (ops, { a, b, w }) => {
      const own = ops.custom([a, b], ops.upload("3a + b", [2, 4], y), (ctx, dy) => [
        add(ctx, dy, add(ctx, dy, dy)),
        dy,
      ]);
      return ops.matmul(own, w);
    },
    ({ a, b, w }) => ref.matmul(plus(a, plus(a, plus(a, b))), w),
    ["a", "b"],
  );
});

// Splicing: rows 1 … 2 of x become rows 2 … 3 of y.
const spliced = (x: Nd, y: Nd): Nd => mapRows(y, (r, i) => (i === 2 || i === 3 ? row(x, i - 1) : r));

for (const wrt of [["x"], ["y"], ["x", "y"]] as const)
  test(`copyRows: splicing, of ${wrt.join(" and ")}`, () =>
    checkVjp(
      gpus,
      { x: [4, 8], y: [5, 8], w: weight(3, 8) },
      (ops, { x, y, w }) => {
        const made = ops.add(y, y); // what y was made from has its part too
        ops.copyRows(x, 1, made, 2, 2);
        return ops.matmul(ops.add(made, made), w);
      },
      ({ x, y, w }) => {
        const made = spliced(x, plus(y, y));
        return ref.matmul(plus(made, made), w);
      },
      wrt,
    ));

const HEADS = { heads: 4, kvHeads: 2, headDim: 4 };

test("rope, through q, k and v at once", () => {
  const [positions, rows] = [
    [0, 2, 5],
    [4, 0, 1],
  ];
  const cut = (x: Nd, from: number, to: number) => ref.columns(x, from * 4, to * 4);
  return checkVjp(
    gpus,
    { qkv: [3, 32], positions: u32(positions!), rows: u32(rows!), w: weight(3, 8) },
    (ops, { qkv, positions, rows, w }) => {
      const [k, v] = [ops.tensor("k", [5, 8]), ops.tensor("v", [5, 8])];
      const angles = ropeAngles(ops, 8, 4, 10);
      const q = ops.rope(qkv, k, v, { ...HEADS, angles, positions, rows });
      const named = (t: Tensor) => ops.matmul(ops.embed(t, rows), w); // rows that no token named hold anything
      const wide = ops.tensor("wide", [3, 16]);
      ops.copyRows(q, 0, wide, 0, 3);
      const halves = ops.matmul(wide, ops.upload("ones", [3, 16], new Float32Array(48).fill(1)));
      return ops.add(halves, ops.add(named(k), named(v)));
    },
    ({ qkv, positions, w }) => {
      const turn = (x: Nd) => ref.rotate(x, 4, positions, 10);
      const ones = nd([3, 16], new Float32Array(48).fill(1));
      const sums = ref.matmul(turn(cut(qkv, 0, 4)), ones);
      return plus(sums, plus(ref.matmul(turn(cut(qkv, 4, 6)), w), ref.matmul(cut(qkv, 6, 8), w)));
    },
    ["qkv"],
  );
});

const SEGMENTS: Segment[] = [
  { query: 0, queries: 5, key: 0, keys: 5, first: 0, gate: 0 },
  { query: 5, queries: 2, key: 5, keys: 3, first: 1, gate: 1 },
];
const GATES = [0.5, 1, 0, -2, 1, 0, 0.25, 0, 0, 0, 0, 1, 0.5, 0.5, 0, 0]; // [2, 2, 4], of which layer 1 counts

for (const causal of [true, false])
  for (const wrt of [["q"], ["k", "v"], ["gates"], ["q", "k", "v", "gates"]] as const)
    test(`attention, ${causal ? "causal" : "bidirectional"}, of ${wrt.join(", ")}`, () =>
      checkVjp(
        gpus,
        { q: [7, 16], k: [8, 8], v: [8, 8], gates: { shape: [2, 2, 4], values: GATES } as Spec },
        (ops, { q, k, v, gates }) =>
          ops.attention(q, k, v, {
            ...HEADS,
            causal,
            tiles: ops.attentionTiles(SEGMENTS),
            gates: { tensor: gates, layer: 1 },
          }),
        ({ q, k, v, gates }) => ref.attention(q, k, v, SEGMENTS, { ...HEADS, causal, gates, layer: 1 }),
        wrt,
        2e-5,
      ));

test("what is frozen is refused by name", () => {
  using ops = new TapedOps(gpu, "frozen");
  const t = (label: string, ...shape: number[]) => ops.tensor(label, shape);
  const bad = (label: string, ...shape: number[]) => {
    const tensor = t(label, ...shape);
    ops.learn(tensor);
    return tensor;
  };
  const x = t("x", 3, 4);
  const q = t("q", 1, 4);
  const one = { heads: 1, kvHeads: 1, headDim: 4 };
  const u = (...values: number[]) => ops.upload("u", [values.length], Uint32Array.from(values));
  const rope = { ...one, angles: t("angles", 4, 4), positions: u(0, 1, 2), rows: u(0, 1, 2) };
  const decode = { ...one, table: ops.upload("table", [1, 1], Uint32Array.of(0)), last: u(0) };
  const gates = { tensor: bad("gates", 1, 1, 1), layer: 0 };
  const conv = { taps: 1, stride: 1, bias: t("bias", 4) };
  const w = t("weight", 4);
  const residual = { x: bad("x", 1, 4), alpha: 1 };
  const biased = { ...one, causal: false, bias: t("bias", 2), tiles: decode.table };
  const pos = { taps: 1, groups: 1, bias: w };
  const relative = {
    ...one,
    embed: w,
    buckets: u(0),
    weight: t("weight", 8, 4),
    bias: t("b", 8),
    scale: t("s", 1),
  };
  const cases: [op: string, what: string, () => unknown][] = [
    ["matmul", "w [5, 4] f32", () => ops.matmul(x, bad("w", 5, 4))],
    ["matmul", "bias [5] f32", () => ops.matmul(x, t("w", 5, 4), { bias: bad("bias", 5) })],
    ["rms-norm", "weight [4] f32", () => ops.rmsNorm(x, bad("weight", 4), EPS)],
    ["layer-norm", "weight [4] f32", () => ops.layerNorm(x, bad("weight", 4), t("bias", 4), EPS)],
    ["layer-norm", "bias [4] f32", () => ops.layerNorm(x, t("weight", 4), bad("bias", 4), EPS)],
    ["rope", "k [3, 4] f32", () => ops.rope(t("qkv", 3, 12), bad("k", 3, 4), t("v", 3, 4), rope)],
    ["cross-entropy", "w [5, 4] f32", () => ops.crossEntropy(x, bad("w", 5, 4), u(0, 1, 2))],
    ["conv1d", "x [3, 4] f32", () => ops.conv1d(bad("x", 3, 4), t("w", 4, 4), t("y", 3, 4), 0, 3, conv)],
    ["layer-norm with a residual", "x [1, 4] f32", () => ops.layerNorm(q, w, w, EPS, residual)],
    ["attention with a bias", "x [1, 4] f32", () => ops.attention(residual.x, q, q, biased)],
    ["pos-conv", "x [1, 4] f32", () => ops.posConv(residual.x, t("w", 4, 4), q, 0, 1, pos)],
    ["relative-bias", "x [1, 4] f32", () => ops.relativeBias(residual.x, relative)],
    ["attention-decode", "q [1, 4] f32", () => ops.attentionDecode(bad("q", 1, 4), q, q, decode)],
    ["attention-decode", "gates [1, 1, 1] f32", () => ops.attentionDecode(q, q, q, { ...decode, gates })],
    ["avg-pool", "x [3, 4] f32", () => ops.avgPool(bad("x", 3, 4), u(0))],
    ["concat-channels", "a [3, 4] f32", () => ops.concatChannels(bad("a", 3, 4), x)],
    ["concat-channels", "b [2, 4] f32", () => ops.concatChannels(x, bad("b", 2, 4))],
  ];
  for (const [op, what, run] of cases)
    throwsGpuError(
      run,
      `autograd: expected ${op} to be given ${what} as it is, got one that is learned or made from what is; ` +
        "no gradient flows through it",
    );
});

test("keys and values written twice are refused, since they would have two gradients", () => {
  using ops = new TapedOps(gpu, "twice");
  const [qkv, k, v] = [ops.tensor("qkv", [1, 12]), ops.tensor("k", [1, 4]), ops.tensor("v", [1, 4])];
  const at = ops.upload("at", [1], Uint32Array.of(0));
  const rope = { heads: 1, kvHeads: 1, headDim: 4, angles: k, positions: at, rows: at };
  ops.learn(qkv);
  ops.rope(qkv, k, v, rope);
  throwsGpuError(
    () => ops.rope(qkv, k, v, rope),
    /^autograd: expected rope to be given k \[1, 4\] f32 as it is/,
  );
});

test("what cannot be learned or asked for is refused", () => {
  using ops = new TapedOps(gpu, "refused");
  const x = ops.tensor("x", [2, 4]);
  const half = ops.tensor("half", [2, 4], "f16");
  throwsGpuError(() => ops.learn(half), "autograd: expected a tensor of f32 to learn, got half [2, 4] f16");
  throwsGpuError(
    () => ops.backward(ops.gelu(x), x),
    /^autograd: expected a result of something that is learned, got gelu .*; call learn\(\) before the forward$/,
  );
  ops.learn(x);
  ops.learn(x);
  const y = ops.gelu(x);
  throwsGpuError(() => ops.learn(y), /^autograd: expected a tensor that is given, got gelu/);
  throwsGpuError(() => ops.gradient(y), /^autograd: expected a tensor that is learned, got gelu/);
  const short = ops.tensor("dy", [8]);
  throwsGpuError(() => ops.backward(y, short), "autograd: expected dy f32 [2, 4], got dy [8] f32");
});

function throwsGpuError(run: () => unknown, message: string | RegExp): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof GpuError)) throw error;
    const fits = typeof message === "string" ? error.message === message : message.test(error.message);
    if (!fits) throw new Error(`expected '${message}', got '${error.message}'`);
    return;
  }
  throw new Error(`expected '${message}', got no error`);
}

test.run();
