import { test } from "uvu";
import { type Gpu, GpuError } from "../../src/gpu/index.ts";
import { crossEntropy } from "../../src/kernels/cross-entropy.ts";
import { type Nd, nd } from "../reference/array.ts";
import { checkOp, openGpus, runOp, u32, weight } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import * as ref from "../reference/ops.ts";
import { withSmallBindings } from "../reference/split.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

/** Ids spread over a vocabulary, its first and its last among them. */
const spread = (rows: number, vocab: number): number[] =>
  Array.from({ length: rows }, (_, t) => (t === 0 ? vocab - 1 : ((t - 1) * 37) % vocab));

const losses = (x: Nd, w: Nd, targets: Nd): Nd => {
  const { data } = ref.crossEntropy(x, w, targets);
  return nd([data.length], data);
};

function check(
  rows: number,
  vocab: number,
  width: number,
  { dtype = "f32" as "f32" | "f16" | "bf16", devices = gpus as readonly Gpu[], scale = 1 } = {},
) {
  return checkOp(
    devices,
    "cross-entropy",
    {
      x: { shape: [rows, width], scale },
      w: weight(vocab, width, dtype),
      targets: u32(spread(rows, vocab)),
    },
    (ops, { x, w, targets }) => ({ loss: crossEntropy(ops, x, w, targets).loss }),
    ({ x, w, targets }) => ({ loss: losses(x, w, targets) }),
    { atol: 1e-5 * Math.max(1, scale) },
  );
}

for (const [dtype, rows, vocab, width] of [
  ["f32", 1, 1, 3],
  ["f32", 1, 65, 8],
  ["f32", 66, 131, 36],
  ["f16", 12, 1025, 7],
  ["bf16", 9, 257, 20],
] as const)
  test(`${rows} rows over ${dtype} [${vocab}, ${width}]`, () => check(rows, vocab, width, { dtype }));

test("logits of hundreds overflow nothing", () => check(9, 257, 20, { scale: 200 }));

test("more ids than a slice holds", () => check(3, 20_001, 4, { dtype: "f16" }));

for (const [dtype, rows, vocab, width] of [
  ["f32", 9, 1100, 68], // W
  ["f32", 400, 300, 12], // logits
  ["bf16", 5, 2001, 33], // nothing aligned
] as const)
  test(`${rows} rows over [${vocab}, ${width}], larger than a binding`, async () => {
    for (const whole of gpus) {
      using small = await withSmallBindings(whole);
      await check(rows, vocab, width, { dtype, devices: [small] });
    }
  });

test("the state is log Σ exp and the target's logit", () =>
  checkOp(
    gpus,
    "cross-entropy",
    { x: [4, 8], w: weight(70, 8), targets: u32([0, 69, 3, 3]) },
    (ops, { x, w, targets }) => ({ state: crossEntropy(ops, x, w, targets).state }),
    ({ x, w, targets }) => {
      const goal = ref.matmul(x, w).data.filter((_, i) => i % 70 === targets.data[Math.floor(i / 70)]);
      const loss = losses(x, w, targets).data;
      return { state: nd([4, 2], Array.from(goal, (v, t) => [loss[t]! + v, v]).flat()) };
    },
  ));

test("shapes that do not fit are named", async () => {
  const wrong = (x: number[], targets: number[]) =>
    runOp(gpu, { x, w: [5, 4], targets: u32(targets) }, (ops, t) => ({
      loss: crossEntropy(ops, t.x, t.w, t.targets).loss,
    }));
  await expectRejects(
    wrong([2, 3], [0, 1]),
    GpuError,
    /^cross-entropy: expected x \(for w w \[5, 4\] f32\) .* rows of 4, got x \[2, 3\] f32$/,
  );
  await expectRejects(
    wrong([2, 4], [0]),
    GpuError,
    /^cross-entropy: expected targets u32 of 2, got targets \[1\] u32$/,
  );
});

test.run();
