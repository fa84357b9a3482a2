import { test } from "uvu";
import { readGolden } from "../fixtures-reader.ts";
import { type Nd, nd } from "./array.ts";
import { expectClose } from "./compare.ts";
import * as ref from "./ops.ts";

const golden = readGolden("test/fixtures/ops.safetensors");

/** What PyTorch has for `op.name`. */
function torch(op: string, name: string): Nd {
  const found = golden.get(`${op}.${name}`);
  if (!found) throw new Error(`ops.safetensors lacks ${op}.${name}`);
  return nd(found.shape, found.data);
}

const ATOL = 5e-7; // the fixture's results are rounded to f32

function same(op: string, name: string, got: Nd): void {
  expectClose(`${op} ${name}`, got, torch(op, name), ATOL);
}

test("erf and gelu", () => {
  const x = torch("erf", "x");
  same("erf", "y", nd(x.shape, x.data.map(ref.erf)));
  same("erf", "gelu", nd(x.shape, x.data.map(ref.gelu)));
});

test("erf to the last digits, where both forms meet", () => {
  // Abramowitz & Stegun table 7.1 and Mathematica: 0.5, 1, 2, 3, 3.5
  const values = [0.5204998778130465, 0.8427007929497149, 0.9953222650189527, 0.9999779095030014];
  const x = [0.5, 1, 2, 3];
  expectClose("erf", nd([4], x.map(ref.erf)), nd([4], values), 1e-15);
  expectClose("erf below and above 3", nd([1], [ref.erf(3 - 1e-15)]), nd([1], [ref.erf(3)]), 1e-15);
});

test("matmul", () => {
  const [x, w, bias, residual] = ["x", "w", "bias", "residual"].map((name) => torch("matmul", name));
  same("matmul", "y", ref.matmul(x!, w!, { bias }));
  same("matmul", "gelu", ref.matmul(x!, w!, { bias, gelu: true, residual }));
});

test("conv1d", () => {
  const [x, w, bias] = ["x", "w", "bias"].map((name) => torch("conv1d", name));
  same("conv1d", "y1", ref.conv1d(x!, w!, 7, { bias: bias!, taps: 3, stride: 1, gelu: true }));
  same("conv1d", "y2", ref.conv1d(x!, w!, 4, { bias: bias!, taps: 3, stride: 2, gelu: true }));
});

test("embed", () => same("embed", "y", ref.embed(torch("embed", "table"), torch("embed", "ids"))));

test("norms", () => {
  const [x, weight, bias] = ["x", "weight", "bias"].map((name) => torch("norm", name));
  same("norm", "rms", ref.rmsNorm(x!, weight!, 1e-6));
  same("norm", "layer", ref.layerNorm(x!, weight!, bias!, 1e-5));
});

test("rope", () => same("rope", "y", ref.rotate(torch("rope", "x"), 8, torch("rope", "positions"), 1e4)));

test("attention", () => {
  const [q, k, v, gates] = ["q", "k", "v", "gates"].map((name) => torch("attention", name));
  const heads = { heads: 4, kvHeads: 2, headDim: 4 };
  const masked = { ...heads, gates: nd([1, 1, 4], gates!.data) };
  const segment = [{ query: 0, queries: 3, key: 0, keys: 5, first: 2, gate: 0 }];
  same("attention", "whole", ref.attention(q!, k!, v!, segment, { ...heads, causal: false }));
  same("attention", "causal", ref.attention(q!, k!, v!, segment, { ...heads, causal: true }));
  same("attention", "gated", ref.attention(q!, k!, v!, segment, { ...masked, causal: true }));
  const one = nd([1, 16], q!.data.subarray(0, 16));
  const table = nd([1, 4], [4, 0, 2, 1]);
  same("decode", "y", ref.attentionDecode(one, k!, v!, table, nd([1], [2]), masked));
});

test("swiglu", () => same("swiglu", "y", ref.swiglu(torch("swiglu", "x"))));

test("avgPool", () => same("pool", "y", ref.avgPool(torch("pool", "x"), nd([3], [0, 2, 4]))));

test("topK and argmax", () => {
  const x = torch("top-k", "x");
  const { values, ids, lse } = ref.topK(x, 4);
  same("top-k", "values", values);
  same("top-k", "ids", ids);
  same("top-k", "lse", nd([3], lse.data));
  same("top-k", "argmax", nd([3], ref.argmax(x).data));
});

test.run();
