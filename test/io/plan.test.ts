import { test } from "uvu";
import * as assert from "uvu/assert";
import { CheckpointError, openCheckpoint } from "../../src/io/checkpoint.ts";
import { conv, matrix, storedAs, type Tree, vector } from "../../src/io/params.ts";
import { type PlanOptions, planWeights } from "../../src/io/plan.ts";
import { memoryFolder } from "../../src/io/source.ts";
import { file, ramp, rejects, type Stored } from "./helpers.ts";

const plan = async (tensors: Record<string, Stored>, tree: Tree, options?: PlanOptions) =>
  planWeights(await openCheckpoint(memoryFolder("m", { "model.safetensors": file(tensors) })), tree, options);

const as = (dtype: "F16" | "BF16" | "F64", ...shape: number[]): Stored => {
  const count = shape.reduce((a, b) => a * b, 1);
  return { dtype, shape, bytes: new Uint8Array(count * (dtype === "F64" ? 8 : 2)) };
};

test("types on the GPU: as stored, but f32 for vectors, F64 and mixtures", async () => {
  const tensors = {
    a: ramp(2, 2),
    h: as("F16", 2, 2),
    b: as("BF16", 2, 2),
    d: as("F64", 2, 2),
    v: as("F16", 2),
  };
  const plans = await plan(tensors, {
    a: matrix("a", [2, 2]),
    h: matrix("h", [2, 2]),
    b: matrix("b", [2, 2]),
    d: matrix("d", [2, 2]),
    mixed: matrix(["h", "b"], [4, 2]),
    v: vector("v", 2),
  });
  assert.equal(
    plans.map(({ label, dtype }) => `${label} ${dtype}`),
    ["a f32", "h f16", "b bf16", "d f32", "mixed f32", "v f32"],
  );
});

test("absent parts are zeros of the length that is left", async () => {
  const [m, v] = await plan(
    { q: ramp(4, 2), b: ramp(3) },
    { m: matrix(["q", null], [6, 2]), v: vector(["b", null], [3, 5]) },
  );
  assert.equal(
    m?.sources.map((s) => (typeof s === "number" ? s : s.name)),
    ["q", 4],
  );
  assert.equal(
    v?.sources.map((s) => (typeof s === "number" ? s : s.name)),
    ["b", 5],
  );
});

test("a tensor may be kept in another shape, if it is the declared one", async () => {
  const tensors = { patch: ramp(4, 1, 2, 3), scale: as("F16", 1, 2, 1) };
  const declared = (shape: number[]) => ({
    patch: storedAs(matrix("patch", [4, 6]), shape),
    scale: storedAs(vector("scale", 2), [1, 2, 1]),
  });
  const plans = await plan(tensors, declared([4, 1, 2, 3]));
  assert.equal(
    plans.map(({ param, dtype }) => `[${param.shape}] ${dtype}`),
    ["[4,6] f32", "[2] f32"],
  );
  await rejects(
    () => plan(tensors, declared([4, 6])),
    CheckpointError,
    /mis-shaped: patch, expected \[4, 6\], got \[4, 1, 2, 3\]/,
  );
});

test("all that is wrong is said at once", async () => {
  const tree = {
    gone: matrix("gone", [2, 2]),
    shape: matrix("shape", [2, 3]),
    rank: vector("rank", 4),
    cols: matrix(["q", "k"], [4, 3]),
    rows: matrix(["q2", "k2"], [4, 2]),
    conv: conv("conv", [2, 3, 4]),
  };
  const tensors = {
    shape: ramp(3, 2),
    rank: ramp(2, 2),
    q: ramp(2, 3),
    k: ramp(2, 2),
    q2: ramp(2, 2),
    k2: ramp(1, 2),
    conv: ramp(2, 4, 3),
    stray: ramp(7),
    known: ramp(1),
  };
  const error = await rejects(
    () => plan(tensors, tree, { ignore: (name) => name === "known" }),
    CheckpointError,
    /^checkpoint: expected the tensors of this model in m, got 7 that differ\n/,
  );
  assert.equal(error.problems, [
    "missing: gone [2, 2]",
    "mis-shaped: shape, expected [2, 3], got [3, 2]",
    "mis-shaped: rank, expected [4], got [2, 2]",
    "mis-shaped: k, expected [rows, 3], got [2, 2]",
    "mis-shaped: q2 [2, 2] + k2 [1, 2], expected 4 rows in all, got 3",
    "mis-shaped: conv, expected [2, 3, 4], got [2, 4, 3]",
    "extra: stray [7]",
  ]);
  assert.ok(error.problems.every((problem) => error.message.includes(problem)));
});

test("a long list is cut, with the count", async () => {
  const layers = Array.from({ length: 50 }, (_, i) => matrix(`layers.${i}`, [1, 1]));
  const error = await rejects(() => plan({}, { layers }), CheckpointError, /got 50 that differ/);
  assert.is(error.message.split("\n").length, 22);
  assert.match(error.message, /… and 30 more$/);
  assert.is(error.problems.length, 50);
});

test("older names are renamed; two that become one are refused", async () => {
  const rename = (name: string) => name.replace(/^old\./, "new.");
  const [w] = await plan({ "old.w": ramp(1, 1) }, { w: matrix("new.w", [1, 1]) }, { rename });
  assert.equal(
    w?.sources.map((s) => typeof s === "object" && s.name),
    ["old.w"],
  );
  await rejects(
    () => plan({ "old.w": ramp(1, 1), "new.w": ramp(1, 1) }, { w: matrix("new.w", [1, 1]) }, { rename }),
    CheckpointError,
    /twice: new.w, as .*\.w and .*\.w/,
  );
});

test.run();
