import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapedOps } from "../../src/autograd/index.ts";
import type { Tensor } from "../../src/gpu/index.ts";
import { type Attention, type Ops, ropeAngles } from "../../src/kernels/index.ts";
import { type Nd, nd } from "../reference/array.ts";
import { openGpus, weight } from "../reference/check.ts";
import * as ref from "../reference/ops.ts";
import { checkVjp, gradients } from "./tape.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const X = { x: [3, 8], w: weight(8, 8), v: weight(8, 8) } as const;
const plus = (...all: Nd[]): Nd =>
  nd(
    all[0]!.shape,
    all[0]!.data.map((_, i) => all.reduce((sum, { data }) => sum + data[i]!, 0)),
  );

test("x + x", () =>
  checkVjp(
    gpus,
    X,
    (ops, { x }) => ops.add(x, x),
    ({ x }) => plus(x, x),
    ["x"],
  ));

test("x used by three ops, a product twice among them", () =>
  checkVjp(
    gpus,
    X,
    (ops, { x, w, v }) => ops.add(ops.matmul(x, w), ops.add(ops.gelu(x), ops.matmul(x, v))),
    ({ x, w, v }) => plus(ref.matmul(x, w), ref.matmul(x, v), gelu(x)),
    ["x"],
  ));

test("a residual that is the product's own input", () =>
  checkVjp(
    gpus,
    X,
    (ops, { x, w }) => ops.matmul(x, w, { residual: x }),
    ({ x, w }) => plus(ref.matmul(x, w), x),
    ["x"],
  ));

test("a diamond, closed by an add and by a residual", () =>
  checkVjp(
    gpus,
    X,
    (ops, { x, w, v }) => {
      const h = ops.gelu(x);
      const [left, right] = [ops.matmul(h, w), ops.matmul(h, v, { gelu: true })];
      return ops.matmul(ops.add(left, right), w, { residual: left });
    },
    ({ x, w, v }) => {
      const h = gelu(x);
      const left = ref.matmul(h, w);
      return plus(ref.matmul(plus(left, ref.matmul(h, v, { gelu: true })), w), left);
    },
    ["x"],
  ));

test("a gradient of several owners is not written through one of them", () => {
  // g = a + b gates one attention and a another: the sums of g, a and b begin as one tensor
  const heads = { heads: 2, kvHeads: 1, headDim: 4, causal: true };
  const segments = [{ query: 0, queries: 3, key: 0, keys: 3, first: 0, gate: 0 }];
  return checkVjp(
    gpus,
    { q: [3, 8], k: [3, 4], v: [3, 4], a: [1, 1, 2], b: [1, 1, 2] },
    (ops, { q, k, v, a, b }) => {
      const o = (gates: Tensor): Attention => ({
        ...heads,
        tiles: ops.attentionTiles(segments),
        gates: { tensor: gates, layer: 0 },
      });
      const first = ops.attention(q, k, v, o(a));
      return ops.add(first, ops.attention(q, k, v, o(ops.add(a, b))));
    },
    ({ q, k, v, a, b }) => {
      const z = (gates: Nd) => ref.attention(q, k, v, segments, { ...heads, gates, layer: 0 });
      return plus(z(a), z(plus(a, b)));
    },
    ["a", "b", "q"],
  );
});

test("what had no part gets zeros", async () => {
  for (const device of gpus) {
    const { d } = await gradients(device, X, (ops, { x }) => ops.gelu(x), ["x", "v"]);
    assert.equal(d.get("v"), nd([8, 8]));
  }
});

test("only what lies between something learned and the result is walked back", () => {
  const backward = (learn: "gates" | "x" | "both") => {
    using ops = new TapedOps(gpu, "count");
    const t = (label: string, ...shape: number[]) => ops.tensor(label, shape);
    const [x, gates] = [t("x", 3, 8), t("gates", 1, 1, 2)];
    if (learn !== "x") ops.learn(gates);
    if (learn !== "gates") ops.learn(x);
    const y = layer(ops, x, gates, { qkv: t("qkv", 16, 8), o: t("o", 8, 8) });
    const before = ops.dispatches;
    ops.backward(y, t("dy", 3, 8));
    return ops.dispatches - before;
  };
  const attention = 2; // attention-delta, attention-dq
  assert.is(
    backward("gates"),
    1 + attention + 1,
    "W_O; the sum over queries; nothing of q, k, v and what made them",
  );
  assert.is(backward("x"), 1 + attention + 3, "W_O; keys and values; rope; W_QKV");
  assert.is(backward("both"), 1 + attention + 4);
});

test("a walk empties the tape: the next forward is a new one", async () => {
  using ops = new TapedOps(gpu, "twice");
  const x = ops.upload("x", [2], Float32Array.of(1, 2));
  const ones = ops.upload("ones", [2], Float32Array.of(1, 1));
  ops.learn(x);
  for (let i = 0; i < 3; i++) ops.backward(ops.add(x, x), ones);
  assert.equal([...new Float32Array(await ops.submit(ops.gradient(x)))], [6, 6], "sums until they are used");
});

/** Attention with one layer's weights, gated, and the residual. */
function layer(ops: Ops, x: Tensor, gates: Tensor, w: { qkv: Tensor; o: Tensor }): Tensor {
  const heads = { heads: 2, kvHeads: 1, headDim: 4 };
  const [k, v] = [ops.tensor("k", [3, 4]), ops.tensor("v", [3, 4])];
  const at = ops.upload("at", [3], Uint32Array.of(0, 1, 2));
  const q = ops.rope(ops.matmul(x, w.qkv), k, v, {
    ...heads,
    angles: ropeAngles(ops, 3, 4, 10),
    positions: at,
    rows: at,
  });
  const tiles = ops.attentionTiles([{ query: 0, queries: 3, key: 0, keys: 3, first: 0, gate: 0 }]);
  const z = ops.attention(q, k, v, { ...heads, tiles, causal: true, gates: { tensor: gates, layer: 0 } });
  return ops.matmul(z, w.o, { residual: x });
}

function gelu(x: Nd): Nd {
  return nd(x.shape, x.data.map(ref.gelu));
}

test.run();
