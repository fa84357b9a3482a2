import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseHeader, type StoredDType, type TensorInfo } from "../../src/io/safetensors.ts";
import { planShards, shardIndex } from "../../src/io/shards.ts";
import { memorySource } from "../../src/io/source.ts";

const source = memorySource("none", new Uint8Array());
const info = (name: string, dtype: StoredDType, ...shape: number[]): TensorInfo => ({
  ...{ name, dtype, shape, source },
  ...{ begin: 0, end: 0 },
});

const TENSORS = [
  info("d", "F32", 10, 10), // larger than a shard
  info("e", "I64", 3),
  info("a", "F32", 8),
  info("c", "F32"),
  info("b", "BF16", 16),
];

test("files are filled in the order of names, up to the limit", () => {
  const shards = planShards(TENSORS, undefined, 64, { format: "pt" });
  assert.equal(
    shards.map(({ file, tensors }) => [file, tensors.map(({ name }) => name)]),
    [
      ["model-00001-of-00004.safetensors", ["a", "b"]],
      ["model-00002-of-00004.safetensors", ["c"]],
      ["model-00003-of-00004.safetensors", ["d"]],
      ["model-00004-of-00004.safetensors", ["e"]],
    ],
  );
  assert.equal(JSON.parse(shardIndex(shards)), {
    metadata: { total_size: 32 + 32 + 4 + 400 + 24 },
    weight_map: Object.fromEntries(shards.flatMap((s) => s.tensors.map(({ name }) => [name, s.file]))),
  });
});

test("the same tensors in another order give the same plan", () => {
  const plan = (tensors: TensorInfo[]) => planShards(tensors, "f16", 64, {});
  assert.equal(plan([...TENSORS].reverse()), plan(TENSORS));
});

test("what fits into one file is in model.safetensors, where its header says", async () => {
  const [shard, ...others] = planShards(TENSORS, "f16", 1000, { format: "pt" });
  assert.equal(others, []);
  const { file, header, size, tensors } = shard!;
  assert.is(file, "model.safetensors");
  const bytes = new Uint8Array(size);
  bytes.set(header);
  const read = await parseHeader(memorySource(file, bytes));
  assert.equal(read.metadata, { format: "pt" });
  const places = (found: Iterable<Omit<TensorInfo, "source">>) =>
    [...found].map(({ name, dtype, shape, begin, end }) => ({ name, dtype, shape, begin, end }));
  assert.equal(places(tensors), places(read.tensors.values()));
  assert.equal(
    tensors.map(({ name, dtype }) => [name, dtype]),
    [
      ["e", "I64"],
      ["a", "F16"],
      ["b", "F16"],
      ["c", "F16"],
      ["d", "F16"],
    ],
  );
});

test.run();
