import { test } from "uvu";
import * as assert from "uvu/assert";
import { GpuError, openGpu } from "../../src/gpu/index.ts";
import { EagerOps, ropeAngles } from "../../src/kernels/index.ts";
import { fold, windows } from "../../src/kernels/rows.ts";
import { openGpus, runOp, type Specs, u32, weight } from "../reference/check.ts";
import { expectClose, expectRejects } from "../reference/compare.ts";

type Run<K extends string> = Parameters<typeof runOp<K, string>>[2];

// The same device twice: as it is, and with bindings of 64 KiB, so that larger tensors are bound by rows.
const LIMIT = 65_536;
const gpus = await openGpus(test);
const small = await openGpu({ device: gpus[0].device, bindingBytes: LIMIT });

/** An op on tensors larger than a binding gives what it gives on whole ones, to the bit, in either shape of kernels. */
function checkSplit<K extends string>(what: string, specs: Specs<K>, run: Run<K>): void {
  test(what, async () => {
    for (const whole of gpus) {
      Object.defineProperty(small, "software", { value: whole.software, configurable: true });
      const want = await runOp(whole, specs, run);
      const got = await runOp(small, specs, run);
      for (const [name, value] of Object.entries(want)) expectClose(`${what}: ${name}`, got[name]!, value, 0);
    }
  });
}

const matmul = (ops: EagerOps, t: Parameters<Run<"x" | "w" | "bias" | "residual">>[1]) => ({
  y: ops.matmul(t.x, t.w, { bias: t.bias, residual: t.residual, gelu: true }),
});
const parts = (m: number, n: number) => ({ bias: [n], residual: [m, n] });

checkSplit("matmul, W split", { x: [70, 128], w: weight(150, 128), ...parts(70, 150) }, matmul);
checkSplit(
  "matmul, W of bf16 split",
  { x: [70, 132], w: weight(304, 132, "bf16"), ...parts(70, 304) },
  matmul,
);
checkSplit("matmul, x and y split", { x: [250, 72], w: weight(70, 72), ...parts(250, 70) }, matmul);
checkSplit("matmul, everything split", { x: [150, 128], w: weight(150, 128), ...parts(150, 150) }, matmul);
checkSplit("matvec, W split", { x: [1, 256], w: weight(150, 256), ...parts(1, 150) }, matmul);
checkSplit("matvec, W of f16 split", { x: [5, 256], w: weight(301, 256, "f16"), ...parts(5, 301) }, matmul);
checkSplit("few rows, but wide", { x: [40, 512], w: weight(68, 512), ...parts(40, 68) }, matmul);
checkSplit("few rows, many outputs", { x: [40, 8], w: weight(600, 8), ...parts(40, 600) }, matmul);

for (const dtype of ["f32", "f16"] as const)
  checkSplit(
    `embed, table of ${dtype} and y split`,
    { table: { shape: [500, 100], dtype }, ids: u32(Array.from({ length: 200 }, (_, i) => (i * 7) % 500)) },
    (ops, { table, ids }) => ({ y: ops.embed(table, ids) }),
  );

checkSplit("rms-norm", { x: [300, 65], weight: [65] }, (ops, t) => ({ y: ops.rmsNorm(t.x, t.weight, 1e-6) }));
checkSplit("layer-norm", { x: [300, 65], weight: [65], bias: [65] }, (ops, t) => ({
  y: ops.layerNorm(t.x, t.weight, t.bias, 1e-6),
}));
checkSplit("swiglu", { x: [300, 66] }, (ops, { x }) => ({ y: ops.swiglu(x) }));

const angles = ropeAngles(gpus[0], 4, 8, 1e4);
checkSplit(
  "rope",
  {
    qkv: [700, 32],
    k: [700, 8],
    v: [700, 8],
    positions: u32(Array.from({ length: 700 }, (_, t) => t % 4)),
    rows: u32(Array.from({ length: 700 }, (_, t) => 699 - t)),
  },
  (ops, { qkv, k, v, positions, rows }) => ({
    q: ops.rope(qkv, k, v, { heads: 2, kvHeads: 1, headDim: 8, angles, positions, rows }),
    k,
    v,
  }),
);

for (const channels of [40, 41])
  for (const stride of [1, 2])
    checkSplit(
      `conv1d, ${channels} channels, stride ${stride}, x and y split`,
      { x: [700, channels], w: weight(50, 3 * channels), bias: [50], y: [705, 50], residual: [705, 50] },
      (ops, { x, w, bias, y, residual }) => {
        ops.conv1d(x, w, y, 3, 700 / stride, { bias, residual, taps: 3, stride, gelu: true });
        return { y };
      },
    );

test("more rows than a grid's dimension has workgroups", async () => {
  const rows = 65_600;
  const ids = Uint32Array.from({ length: rows }, (_, t) => t % 3);
  using ops = new EagerOps(gpus[0], "many rows");
  const table = ops.upload(
    "table",
    [3, 4],
    Float32Array.from({ length: 12 }, (_, i) => i),
  );
  const y = new Float32Array(await ops.submit(ops.embed(table, ops.upload("ids", [rows], ids))));
  for (const t of [0, 65_534, 65_535, rows - 1]) assert.is(y[4 * t + 1], 4 * ids[t]! + 1, `row ${t}`);
});

test("a row too large for a binding is an error", async () => {
  const wide = runOp(small, { x: [2, LIMIT / 4], weight: [LIMIT / 4] }, (ops, t) => ({
    y: ops.rmsNorm(t.x, t.weight, 1e-6),
  }));
  await expectRejects(
    wide,
    GpuError,
    /^rms-norm: expected 1 rows, .* to fit a binding of 65536 bytes, got rows of 65536 bytes; use a device/,
  );
  const odd = runOp(small, { x: [70, 259], w: [70, 259] }, (ops, { x, w }) => ({ y: ops.matmul(x, w) }));
  await expectRejects(odd, GpuError, /^mat(mul|vec): expected 64 rows, .*, got rows of 1036 bytes/);
  const bias = runOp(small, { x: [9, 4], w: [20_000, 4], bias: [20_000] }, (ops, { x, w, bias }) => ({
    y: ops.matmul(x, w, { bias }),
  }));
  await expectRejects(bias, GpuError, /^mat(mul|vec): expected .* (of at most 65536 bytes|to fit a binding)/);
});

test("windows begin at multiples of 256 bytes and cover each row once", () => {
  for (const [rows, bytes] of [
    [1, 4],
    [1000, 260],
    [12_345, 12],
    [100, 65_280],
  ] as const) {
    const found = windows(small, "op", rows, bytes);
    assert.is(found.at(0)?.from, 0);
    assert.is(found.at(-1)?.to, rows);
    for (const [i, { from, to }] of found.entries()) {
      assert.is((from * bytes) % 256, 0);
      assert.is(from, i === 0 ? 0 : found[i - 1]!.to);
      assert.ok(to > from && (to - from) * bytes <= LIMIT);
    }
  }
});

test("fold keeps each dimension within 65535", () => {
  for (const n of [1, 65_535, 65_536, 1_000_000]) {
    const [x, y] = fold(n);
    assert.ok(x <= 65_535 && y <= 65_535 && x * y >= n && x * y < n + y);
  }
});

test.run();
