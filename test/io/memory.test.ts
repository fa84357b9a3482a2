/** A checkpoint of 1 GB, alone or in a torch archive of 5 GB, is loaded in less than 150 MB of JavaScript memory. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { crc32 } from "#files";
import { encodeHeader, STORED_BYTES, type StoredTensor } from "../../src/io/safetensors.ts";
import { dict, entry, hole, pickle, tensor } from "./torch-files.ts";
import { zipFile } from "./zip-file.ts";

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

/**
 * 1.1 GB of tensors behind what makes the archive larger than 4 GiB; all are zeros, which take no room on the disk. One
 * is stored transposed.
 */
const TORCH_SHAPE = [10_240, 11_008];
const torchTensors = {
  "0": tensor("HalfStorage", "0", TORCH_SHAPE),
  "1": tensor("HalfStorage", "1", TORCH_SHAPE, [1, TORCH_SHAPE[0]!]),
  "2": tensor("FloatStorage", "2", TORCH_SHAPE),
  "3": tensor("BFloat16Storage", "3", TORCH_SHAPE),
};
const torchBytes = [2, 2, 4, 2].map((width) => TORCH_SHAPE.reduce((size, n) => size * n, width));

async function writeTorch(path: string): Promise<void> {
  const storages = torchBytes.map((size, key) => ({ ...hole(`m/data/${key}`, size), crc: crcOfZeros(size) }));
  const value = entry("m/data.pkl", pickle(dict(torchTensors)));
  await zipFile(path, [value, hole("m/data/optimizer", 4.1e9), ...storages]);
}

function crcOfZeros(size: number): number {
  const zeros = new Uint8Array(2 ** 20);
  let sum = 0;
  for (let at = 0; at < size; at += zeros.length) sum = crc32(zeros.subarray(0, size - at), sum);
  return sum;
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
  await mkdir(join(context.dir, "torch"));
  await writeTorch(join(context.dir, "torch/pytorch_model.bin"));
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

/** Bytes of JavaScript memory, at most, and those that arrived. */
async function load(dir: string, target: string): Promise<{ peak: number; arrived: number }> {
  const child = new URL("./memory-child.ts", import.meta.url).pathname;
  const args = ["--import", "./scripts/register.js", child, dir, target];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

for (const target of ["nothing", "gpu"]) {
  test(`1 GB onto ${target} in less than ${LIMIT / 1e6} MB`, async ({ dir }) => {
    assert.ok(stored > 1e9, `${stored} bytes stored`);
    const { peak, arrived } = await load(dir, target);
    assert.is(arrived, onGpu);
    assert.ok(peak < LIMIT, `expected less than ${LIMIT} bytes of JavaScript memory, got ${peak}`);
  });
}

test(`1 GB out of a torch archive of 5 GB in less than ${LIMIT / 1e6} MB`, async ({ dir }) => {
  const { peak, arrived } = await load(join(dir, "torch"), "nothing");
  assert.is(
    arrived,
    torchBytes.reduce((sum, bytes) => sum + bytes),
  );
  assert.ok(arrived > 1e9 && peak < LIMIT, `got ${peak} bytes of JavaScript memory for ${arrived}`);
});

test.run();
