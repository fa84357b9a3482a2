import { test } from "uvu";
import { type Gpu, GpuError } from "../../src/gpu/index.ts";
import { crossEntropy } from "../../src/kernels/cross-entropy.ts";
import { crossEntropyDx } from "../../src/kernels/cross-entropy-dx.ts";
import { checkOp, openGpus, runOp, u32, weight } from "../reference/check.ts";
import { expectRejects } from "../reference/compare.ts";
import { withSmallBindings } from "../reference/split.ts";
import { crossEntropyVjp } from "../reference/vjp.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

function check(
  rows: number,
  vocab: number,
  width: number,
  { dtype = "f32" as "f32" | "f16" | "bf16", devices = gpus as readonly Gpu[], scale = 1 } = {},
) {
  const targets = Array.from({ length: rows }, (_, t) => (t === 0 ? vocab - 1 : ((t - 1) * 37) % vocab));
  return checkOp(
    devices,
    "cross-entropy-dx",
    {
      x: { shape: [rows, width], scale },
      w: weight(vocab, width, dtype),
      targets: u32(targets),
      dloss: [rows],
    },
    (ops, { x, w, targets, dloss }) => {
      const { state } = crossEntropy(ops, x, w, targets);
      return { dx: crossEntropyDx(ops, dloss, x, w, targets, state) };
    },
    ({ x, w, targets, dloss }) => ({ dx: crossEntropyVjp(x, w, targets, dloss) }),
    { atol: 1e-5 * Math.max(1, scale / 4) },
  );
}

for (const [dtype, rows, vocab, width] of [
  ["f32", 1, 2, 3],
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

test("a loss of no weight gives exact zeros", async () => {
  const inputs = {
    x: [3, 8],
    w: weight(70, 8),
    targets: u32([0, 69, 3]),
    dloss: { shape: [3], values: [1, 0, 1] },
  };
  for (const device of gpus) {
    const { dx } = await runOp(device, inputs, (ops, { x, w, targets, dloss }) => ({
      dx: crossEntropyDx(ops, dloss, x, w, targets, crossEntropy(ops, x, w, targets).state),
    }));
    for (let c = 0; c < 8; c++) if (dx.data[8 + c] !== 0) throw new Error(`[1, ${c}] is ${dx.data[8 + c]}`);
  }
});

test("shapes that do not fit are named", async () => {
  const run = runOp(gpu, { x: [2, 4], w: [5, 4], targets: u32([0, 1]), dloss: [3] }, (ops, t) => ({
    dx: crossEntropyDx(ops, t.dloss, t.x, t.w, t.targets, t.x),
  }));
  await expectRejects(run, GpuError, /^cross-entropy-dx: expected dloss f32 of 2, got dloss \[3\] f32$/);
});

test.run();
