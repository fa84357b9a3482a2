import { test } from "uvu";
import * as assert from "uvu/assert";
import { dot, mapRows, type Nd, nd } from "./array.ts";
import { normals } from "./check.ts";
import { expectClose } from "./compare.ts";
import * as ref from "./ops.ts";
import * as vjp from "./vjp.ts";

let seed = 0;
function normal(...shape: number[]): Nd {
  const count = shape.reduce((n, d) => n * d, 1);
  return nd(shape, normals(count, ++seed));
}

/** ∂f/∂x by central differences: good to about 1e-9 where f and its third derivative are of size 1. */
function slopes(f: (x: Nd) => number, x: Nd): Nd {
  const STEP = 1e-5;
  const moved = (i: number, by: number) => {
    const at = nd(x.shape, x.data);
    at.data[i]! += by;
    return f(at);
  };
  return nd(
    x.shape,
    x.data.map((_, i) => (moved(i, STEP) - moved(i, -STEP)) / (2 * STEP)),
  );
}

/** Fails unless `dx` is the gradient of Σ dy·f(x). */
function expectVjp(what: string, dx: Nd, dy: Nd, f: (x: Nd) => Nd, x: Nd): void {
  const want = slopes((at) => dot(dy.data, f(at).data), x);
  assert.ok(Math.max(...want.data.map(Math.abs)) > 0.1, `${what}: slopes worth comparing`);
  expectClose(what, dx, want, 1e-7);
}

const EPS = 1e-2; // large enough that dropping it shows

test("rmsNorm", () => {
  const [dy, x, weight] = [normal(3, 5), normal(3, 5), normal(5)];
  expectVjp("dx", vjp.rmsNormVjp(dy, x, weight, EPS), dy, (at) => ref.rmsNorm(at, weight, EPS), x);
});

test("layerNorm", () => {
  const [dy, x, weight, bias] = [normal(3, 5), normal(3, 5), normal(5), normal(5)];
  expectVjp("dx", vjp.layerNormVjp(dy, x, weight, EPS), dy, (at) => ref.layerNorm(at, weight, bias, EPS), x);
});

test("swiglu", () => {
  const [dy, x] = [normal(3, 5), normal(3, 10)];
  expectVjp("dx", vjp.swigluVjp(dy, x), dy, ref.swiglu, x);
});

test("gelu", () => {
  const [dy, x] = [normal(3, 5), normal(3, 5)];
  expectVjp("dx", vjp.geluVjp(dy, x), dy, (at) => mapRows(at, (r) => r.map(ref.gelu)), x);
});

test("matmul", () => {
  const [dy, x, w] = [normal(3, 4), normal(3, 5), normal(4, 5)];
  expectVjp("dx", vjp.matmulVjp(dy, w), dy, (at) => ref.matmul(at, w), x);
});

test("rope, through q, k and v at once", () => {
  const o = { heads: 2, kvHeads: 1, headDim: 4, theta: 10 };
  const [positions, at] = [nd([3], [0, 2, 5]), nd([3], [4, 0, 1])];
  const [dq, dk, dv] = [normal(3, 8), normal(5, 4), normal(5, 4)];
  const qkv = normal(3, 16);
  const cache = nd([5, 4]);
  const forward = (x: Nd) => {
    const turn = (part: Nd) => ref.rotate(part, o.headDim, positions, o.theta);
    const q = turn(ref.columns(x, 0, 8));
    const k = ref.scatterRows(cache, turn(ref.columns(x, 8, 12)), at);
    const v = ref.scatterRows(cache, ref.columns(x, 12, 16), at);
    return flat(q, k, v);
  };
  expectVjp("dqkv", vjp.ropeVjp({ dq, dk, dv }, positions, at, o), flat(dq, dk, dv), forward, qkv);
});

test("crossEntropy, weighted", () => {
  const [x, w] = [normal(3, 4), normal(6, 4)];
  const [targets, weights] = [nd([3], [5, 0, 2]), nd([3], [0.5, 0, -2])];
  const got = vjp.crossEntropyVjp(x, w, targets, weights);
  expectVjp("dx", got, weights, (at) => ref.crossEntropy(at, w, targets), x);
});

test("crossEntropy of large logits is finite, of a certain target 0", () => {
  const [x, w] = [nd([2, 1], [1000, 1000]), nd([2, 1], [1, 0])];
  const targets = nd([2], [0, 1]);
  expectClose("losses", ref.crossEntropy(x, w, targets), nd([2, 1], [0, 1000]), 0);
  expectClose("dx", vjp.crossEntropyVjp(x, w, targets, nd([2], [1, 1])), nd([2, 1], [0, 1]), 0);
});

function flat(...parts: Nd[]): Nd {
  const values = parts.flatMap(({ data }) => [...data]);
  return nd([values.length], values);
}

test.run();
