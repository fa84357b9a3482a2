/** A checkpoint of 1 GB is loaded in less than 150 MB of JavaScript memory. */
import { execFile } from "node:child_process";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { encodeHeader, STORED_BYTES, type StoredTensor } from "../../src/io/safetensors.ts";

const LIMIT = 150e6; // bytes

/** Five shards; 1.07 GB in every way of loading: kept, widened, transposed. */
const SHARDS: StoredTensor[][] = [
  [{ name: "f32", dtype: "F32", shape: [16_384, 4_000] }],
  [
    { name: "f16.a", dtype: "F16", shape: [30_000, 4_096] },
    { name: "f16.odd", dtype: "F16", shape: [4_097, 4_095] },
  ],
  [
    { name: "bf16.a", dtype: "BF16", shape: [11_008, 4_096] },
    { name: "bf16.b", dtype: "BF16", shape: [32_000, 4_096] },
  ],
  [
    { name: "f64", dtype: "F64", shape: [2_000, 4_001] },
    { name: "conv", dtype: "F32", shape: [1_280, 1_280, 3] },
  ],
  [
    { name: "wide", dtype: "BF16", shape: [10_000_001] },
    { name: "long", dtype: "I8", shape: [15_000_001] },
  ],
];

const size = ({ dtype, shape }: StoredTensor) =>
  shape.reduce((product, n) => product * n, STORED_BYTES[dtype]);

/** 16 MiB of small numbers in every float type: no byte has the bits of an exponent all set. */
const block = Uint8Array.from({ length: 16 * 2 ** 20 }, (_, i) => ((i * 2_654_435_761) >>> 13) & 0x3b);

async function writeShard(path: string, tensors: readonly StoredTensor[]): Promise<void> {
  const file = await open(path, "w");
  await file.write(encodeHeader(tensors).bytes);
  let left = tensors.reduce((sum, tensor) => sum + size(tensor), 0);
  for (; left > 0; left -= block.length) await file.write(block.subarray(0, Math.min(left, block.length)));
  await file.close();
}

const test = suite<{ dir: string }>("memory");

test.before(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), "ahamask-memory-"));
  const map: Record<string, string> = {};
  for (const [i, tensors] of SHARDS.entries()) {
    const shard = `model-0000${i + 1}-of-0000${SHARDS.length}.safetensors`;
    for (const { name } of tensors) map[name] = shard;
    await writeShard(join(context.dir, shard), tensors);
  }
  await writeFile(join(context.dir, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }));
});

test.after(({ dir }) => rm(dir, { recursive: true }));

const all = SHARDS.flat();
const stored = all.reduce((sum, tensor) => sum + size(tensor), 0);
/** Vectors arrive as f32 and F64 as f32, each padded to whole words. */
const onGpu = all.reduce((sum, tensor) => {
  const count = size(tensor) / STORED_BYTES[tensor.dtype];
  const widened = tensor.shape.length === 1 || tensor.dtype === "F64";
  return sum + Math.ceil((widened ? count * 4 : size(tensor)) / 4) * 4;
}, 0);

for (const target of ["nothing", "gpu"]) {
  test(`1 GB onto ${target} in less than ${LIMIT / 1e6} MB`, async ({ dir }) => {
    assert.ok(stored > 1e9, `${stored} bytes stored`);
    const child = new URL("./memory-child.ts", import.meta.url).pathname;
    const args = ["--import", "./scripts/register.js", child, dir, target];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
    const { peak, arrived } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    assert.is(arrived, onGpu);
    assert.ok(peak < LIMIT, `expected less than ${LIMIT} bytes of JavaScript memory, got ${peak}`);
  });
}

test.run();
