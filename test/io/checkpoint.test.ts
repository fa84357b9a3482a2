import { test } from "uvu";
import * as assert from "uvu/assert";
import { openFolder } from "#files";
import { locate, serving } from "#fixtures";
import { CheckpointError, openCheckpoint, slices } from "../../src/io/checkpoint.ts";
import { httpFolder } from "../../src/io/http.ts";
import { SafetensorsError } from "../../src/io/safetensors.ts";
import { type ByteSource, type Folder, memoryFolder, SourceError } from "../../src/io/source.ts";
import { file, ramp, rejects, type Stored, utf8 } from "./helpers.ts";

const INDEX = "model.safetensors.index.json";

/** A folder with these shards and an index made of them, or the given one. */
function sharded(shards: Record<string, Record<string, Stored>>, map?: unknown): Folder {
  const found = Object.entries(shards).flatMap(([shard, tensors]) =>
    Object.keys(tensors).map((name) => [name, shard]),
  );
  const index = utf8(JSON.stringify({ weight_map: map ?? Object.fromEntries(found) }));
  const files = Object.entries(shards).map(([shard, tensors]) => [shard, file(tensors)]);
  return memoryFolder("m", { ...Object.fromEntries(files), [INDEX]: index });
}

const a = ramp(3, 4);
const b = ramp(100_000);

test("a single file and shards hold the same, with the same fingerprint", async () => {
  const single = await openCheckpoint(memoryFolder("m", { "model.safetensors": file({ a, b }) }));
  const shards = await openCheckpoint(sharded({ "2.safetensors": { a }, "1.safetensors": { b } }));
  assert.equal([...shards.tensors.keys()].sort(), ["a", "b"]);
  assert.match(await single.fingerprint(), /^[0-9a-f]{16}$/);
  assert.is(await single.fingerprint(), await shards.fingerprint());
});

test("another name, shape, type or value gives another fingerprint", async () => {
  const print = async (tensors: Record<string, Stored>) =>
    (await openCheckpoint(memoryFolder("m", { "model.safetensors": file(tensors) }))).fingerprint();
  const touched = (at: number) => {
    const bytes = b.bytes.slice();
    bytes[at] = bytes[at]! ^ 1;
    return { ...b, bytes };
  };
  const prints = await Promise.all([
    print({ a, b }),
    print({ a, c: b }),
    print({ a: { ...a, shape: [4, 3] }, b }),
    print({ a: { ...a, dtype: "I32" }, b }),
    print({ a, b: touched(0) }),
    print({ a, b: touched(200_000) }),
    print({ a, b: touched(399_999) }),
    print({ a: ramp(12, 1), b }),
  ]);
  assert.is(new Set(prints).size, prints.length);
});

test("the fixtures open from disk; the fingerprint is the same over HTTP and does not change from release to release", async () => {
  const disk = await openCheckpoint(openFolder(locate("test/fixtures/qwen2audio/gqa")));
  assert.ok(disk.tensors.size > 50);
  const print = await disk.fingerprint();
  await disk.close();
  await serving("test/fixtures/qwen2audio/gqa", async (url) => {
    const folder = httpFolder(url);
    const web = await openCheckpoint(folder);
    assert.is(await web.fingerprint(), print);
    await web.close();
  });
  assert.is(print, "795325654a14346c");
});

test("no file of weights and no index", async () => {
  await rejects(
    () => openCheckpoint(memoryFolder("m", {})),
    CheckpointError,
    /expected model.safetensors, .* or pytorch_model.bin.index.json in m, got none/,
  );
});

test("an index that is none", async () => {
  for (const text of ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": {"a": 1}}', "null"])
    await rejects(
      () => openCheckpoint(memoryFolder("m", { [INDEX]: utf8(text) })),
      CheckpointError,
      /expected JSON with a weight_map in m\/model.safetensors.index.json/,
    );
});

test("an index cannot reach outside its folder", async () => {
  await rejects(
    () => openCheckpoint(sharded({}, { a: "../../secret" })),
    SourceError,
    /relative to the folder, got '..\/..\/secret'/,
  );
});

test("missing shards are named, all of them", async () => {
  const error = await rejects(
    () =>
      openCheckpoint(
        sharded({ "1.safetensors": { a } }, { a: "1.safetensors", b: "2.safetensors", c: "3.safetensors" }),
      ),
    CheckpointError,
    /expected the 3 shards .* in m, got 1\n {2}missing: 2.safetensors\n {2}missing: 3.safetensors/,
  );
  assert.is(error.problems.length, 2);
});

test("shards that disagree with the index", async () => {
  await rejects(
    () => openCheckpoint(sharded({ "1.safetensors": { a } }, { a: "1.safetensors", b: "1.safetensors" })),
    CheckpointError,
    /missing: b, expected in 1.safetensors/,
  );
  await rejects(
    () =>
      openCheckpoint(
        sharded(
          { "1.safetensors": { a }, "2.safetensors": { a, b } },
          { a: "1.safetensors", b: "2.safetensors" },
        ),
      ),
    CheckpointError,
    /in two shards: a, in m\/1.safetensors and m\/2.safetensors/,
  );
  await rejects(
    () =>
      openCheckpoint(
        sharded(
          { "1.safetensors": { a }, "2.safetensors": { b } },
          { a: "2.safetensors", b: "1.safetensors" },
        ),
      ),
    CheckpointError,
    /in another shard: a, expected in 2.safetensors, got in 1.safetensors/,
  );
});

test("a broken shard closes the others", async () => {
  const inner = sharded({ "1.safetensors": { a }, "2.safetensors": { b } });
  let open = 0;
  const folder: Folder = {
    ...inner,
    async open(name): Promise<ByteSource> {
      const source = await inner.open(name);
      open++;
      const close = async () => void open--;
      return name.startsWith("2") ? { ...source, size: source.size - 1, close } : { ...source, close };
    },
  };
  await rejects(
    () => openCheckpoint(folder),
    SafetensorsError,
    /2.safetensors: expected 'b' to end within the file/,
  );
  assert.is(open, 0);
});

test("slices hold whole rows, up to a limit, in order", async () => {
  const { tensors } = await openCheckpoint(
    memoryFolder("m", { "model.safetensors": file({ a: ramp(5, 3) }) }),
  );
  const info = tensors.get("a")!;
  const found: number[][] = [];
  for await (const { offset, bytes } of slices(info, { rowBytes: 12, limit: 30 }))
    found.push([offset, bytes.length]);
  assert.equal(found, [
    [0, 24],
    [24, 24],
    [48, 12],
  ]);
  const whole: Uint8Array[] = [];
  for await (const { bytes } of slices(info)) whole.push(bytes);
  assert.equal(whole, [ramp(5, 3).bytes]);
  await rejects(
    () => slices(info, { rowBytes: 60, limit: 30 }).next(),
    SourceError,
    /rows of at most 30 bytes in 'a', got 60/,
  );
});

test.run();
