import { test } from "uvu";
import * as assert from "uvu/assert";
import { openFolder } from "#files";
import { locate, readBytes, serving } from "#fixtures";
import { openCheckpoint, openCheckpointFile, slices } from "../../src/io/checkpoint.ts";
import { httpFolder } from "../../src/io/http.ts";
import { readTensor } from "../../src/io/safetensors.ts";
import { type ByteSource, type Folder, memoryFolder } from "../../src/io/source.ts";
import { toF32 } from "../../src/io/values.ts";
import { file, ramp, utf8 } from "./helpers.ts";

const fixture = (name: string) => readBytes(`test/fixtures/${name}`);
const beats = openFolder(locate("test/fixtures/beats"));
const mask = fixture("masks/mask.pth");
const logits: number[] = JSON.parse(new TextDecoder().decode(fixture("masks/expected.json"))).logits;

test("a training state holds the same tensors as safetensors, and its other values", async () => {
  const torch = await openCheckpointFile(beats, "beats.pt");
  const safe = await openCheckpointFile(beats, "beats.safetensors");
  assert.equal([...torch.tensors.keys()].sort(), [...safe.tensors.keys()].sort());
  for (const [name, info] of torch.tensors) {
    const twin = safe.tensors.get(name)!;
    assert.equal([info.dtype, info.shape], [twin.dtype, twin.shape], name);
    assert.equal(await readTensor(info), await readTensor(twin), name);
  }
  assert.is(await torch.fingerprint(), await safe.fingerprint());
  assert.equal([...torch.extra.keys()], ["cfg"]);
  assert.is((torch.extra.get("cfg") as Map<string, number>).get("encoder_layers"), 2);
  assert.is(torch.name, `${beats.name}/beats.pt`);
  await Promise.all([torch.close(), safe.close()]);
});

test("a torch file opens over HTTP", async () => {
  await serving("test/fixtures/masks", async (url) => {
    const folder = httpFolder(url);
    const checkpoint = await openCheckpointFile(folder, "mask_runner.pth");
    const info = checkpoint.tensors.get("tensor")!;
    assert.equal([...toF32(await readTensor(info), info.dtype)], logits);
    assert.is(checkpoint.extra.get("epoch"), 3);
    assert.not(checkpoint.extra.has("model"));
    await checkpoint.close();
  });
});

test("a safetensors file's metadata stands beside its tensors", async () => {
  const checkpoint = await openCheckpointFile(
    memoryFolder("m", { "a.safetensors": file({ a: ramp(2) }) }),
    "a.safetensors",
  );
  assert.equal([...checkpoint.tensors.keys()], ["a"]);
  assert.equal([...checkpoint.extra], []);
});

test("pytorch_model.bin, alone or in shards, opens as a folder; safetensors are preferred to it", async () => {
  const index = (map: Record<string, string>) => utf8(JSON.stringify({ weight_map: map }));
  const single = await openCheckpoint(memoryFolder("m", { "pytorch_model.bin": mask }));
  const shards = await openCheckpoint(
    memoryFolder("m", {
      "pytorch_model-00001-of-00001.bin": mask,
      "pytorch_model.bin.index.json": index({ tensor: "pytorch_model-00001-of-00001.bin" }),
    }),
  );
  assert.is(await single.fingerprint(), await shards.fingerprint());
  const both = await openCheckpoint(
    memoryFolder("m", {
      "pytorch_model.bin": mask,
      "model.safetensors.index.json": index({ a: "1.safetensors" }),
      "1.safetensors": file({ a: ramp(2) }),
    }),
  );
  assert.equal([...both.tensors.keys()], ["a"]);
});

test("opening reads headers only, and a slice reads its own bytes", async () => {
  const inner = memoryFolder("m", { "beats.pt": fixture("beats/beats.pt") });
  let read = 0;
  let size = 0;
  const counting: Folder = {
    ...inner,
    async open(name): Promise<ByteSource> {
      const source = await inner.open(name);
      size = source.size;
      return {
        ...source,
        read(offset, length, options) {
          // The directory is looked for in the last 64 KiB.
          if (length < 65_557) read += length;
          return source.read(offset, length, options);
        },
      };
    },
  };
  const { tensors } = await openCheckpointFile(counting, "beats.pt");
  assert.ok(read < size / 4, `${read} of ${size} bytes`);
  read = 0;
  const info = tensors.get("patch_embedding.weight")!;
  await slices(info, { limit: 1024 }).next();
  assert.is(read, 1024);
});

test.run();
