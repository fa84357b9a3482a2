import { test } from "uvu";
import * as assert from "uvu/assert";
import { openFolder } from "#files";
import { locate } from "#fixtures";
import { type Checkpoint, openCheckpoint, openCheckpointFile } from "../../src/io/checkpoint.ts";
import { type ConvertOptions, convertCheckpoint } from "../../src/io/convert.ts";
import { ConvertError } from "../../src/io/convert-values.ts";
import { parseHeader, readTensor } from "../../src/io/safetensors.ts";
import { memoryFolder, memorySource, SourceError } from "../../src/io/source.ts";
import { memoryStore, type Store } from "../../src/io/store.ts";
import { f32, file, ramp, rejects, utf8 } from "./helpers.ts";

const LLAMA = openFolder(locate("test/fixtures/salmonn/llama"));
const BEATS = openFolder(locate("test/fixtures/beats"));

async function withCheckpoint(
  opening: Promise<Checkpoint>,
  use: (checkpoint: Checkpoint) => Promise<unknown>,
): Promise<void> {
  const checkpoint = await opening;
  try {
    await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

async function filesOf(store: Store): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of await store.list()) files[name] = (await store.read(name))!;
  return files;
}

const folderOf = async (store: Store) => memoryFolder(store.name, await filesOf(store));

/** The tensors a, b and c in memory. */
const small = (tensors: Parameters<typeof file>[0] = { a: ramp(4), b: ramp(2, 3), c: ramp(5) }) =>
  openCheckpoint(memoryFolder("m", { "model.safetensors": file(tensors) }));

const convert = async (from: Checkpoint, options?: ConvertOptions) => {
  const out = memoryStore("out");
  const converted = await convertCheckpoint(from, out, options);
  return { out, converted, files: await filesOf(out) };
};

test("PyTorch's files become safetensors with the same tensors, in shards with an index", () =>
  withCheckpoint(openCheckpoint(LLAMA), async (from) => {
    const config = utf8('{"model_type": "llama"}');
    const progress: [string, number, number][] = [];
    const { out, converted } = await convert(from, {
      shardBytes: 100_000,
      files: new Map([["config.json", config]]),
      onProgress: (...now) => progress.push(now),
    });
    assert.ok(converted.files.length > 4);
    assert.equal(converted.files, [
      ...converted.files.filter((name) => /^model-0000\d-of-0000\d\.safetensors$/.test(name)),
      ...["model.safetensors.index.json", "config.json"],
    ]);
    assert.equal(await out.list(), [...converted.files].sort());
    assert.equal(await out.read("config.json"), config);
    assert.equal([converted.verified, converted.kept], [converted.tensors, 0]);
    for (const phase of ["write", "verify"])
      assert.equal(progress.filter(([name]) => name === phase).at(-1), [
        phase,
        converted.bytes,
        converted.bytes,
      ]);
    const index = JSON.parse(new TextDecoder().decode(await out.read("model.safetensors.index.json")));
    assert.is(index.metadata.total_size, converted.bytes);
    await withCheckpoint(openCheckpoint(await folderOf(out)), async (to) => {
      assert.equal([...to.tensors.keys()].sort(), [...from.tensors.keys()].sort());
      for (const [name, info] of from.tensors) {
        const twin = to.tensors.get(name)!;
        assert.equal([twin.dtype, twin.shape], [info.dtype, info.shape], name);
        assert.equal(await readTensor(twin), await readTensor(info), name);
      }
      assert.is(await to.fingerprint(), await from.fingerprint());
    });
  }));

test("a file of PyTorch and one of safetensors with the same tensors give the same bytes, in every type", async () => {
  for (const dtype of [undefined, "f16", "bf16", "f32"] as const) {
    const results: Record<string, Uint8Array>[] = [];
    for (const name of ["beats.pt", "beats.safetensors"])
      await withCheckpoint(openCheckpointFile(BEATS, name), async (from) => {
        const { files, converted } = await convert(from, { dtype });
        assert.equal(converted.files, ["model.safetensors"]);
        results.push(files);
      });
    assert.equal(results[0], results[1]);
    const { tensors, metadata } = await parseHeader(memorySource("x", results[0]!["model.safetensors"]!));
    assert.is(metadata.format, "pt", "without it transformers refuses the file");
    if (dtype) assert.ok([...tensors.values()].every((tensor) => tensor.dtype === dtype.toUpperCase()));
  }
});

/** `store`, whose power goes in its `n`-th change, which of a file added to still writes half. */
function failing(store: Store, n: number): Store {
  let left = n;
  const count = () => {
    if (left-- === 0) throw new SourceError("write: expected to write, got a full disk; free some space");
  };
  return {
    ...store,
    async write(path, bytes) {
      count();
      await store.write(path, bytes);
    },
    async append(path, bytes) {
      if (left === 0) await store.append(path, bytes.subarray(0, bytes.length >> 1));
      count();
      await store.append(path, bytes);
    },
    async rename(from, to) {
      count();
      await store.rename(from, to);
    },
    async remove(path) {
      count();
      await store.remove(path);
    },
  };
}

test("ended at any moment, it goes on, and comes to the same files", () =>
  withCheckpoint(small(), async (from) => {
    for (const dtype of [undefined, "f16"] as const) {
      const options = { dtype, shardBytes: dtype ? 22 : 44, files: new Map([["config.json", utf8("{}")]]) };
      const whole = await convert(from, options);
      assert.is(whole.converted.files.length, 4, "two shards, index and config");
      let ends = 0;
      for (let done = false; !done; ends++) {
        const out = memoryStore("out");
        done = await convertCheckpoint(from, failing(out, ends), options).then(
          () => true,
          (error) => {
            if (!(error instanceof SourceError)) throw error;
            return false;
          },
        );
        for (const [name, bytes] of Object.entries(await filesOf(out)))
          if (!/\.part$|^convert\.json$/.test(name))
            assert.equal(bytes, whole.files[name], `${name} is whole`);
        const { kept } = await convertCheckpoint(from, out, options);
        assert.equal(await filesOf(out), whole.files);
        assert.ok(ends < 4 || kept > 0, `after ${ends} changes ${kept} bytes were kept`);
      }
      assert.is(
        ends,
        12,
        "11 changes (plan, 2 headers, 3 tensors, 2 names, index, config, no plan), and no end",
      );
    }
  }));

test("it goes on from any byte, out of PyTorch's files too", async () => {
  for (const [file, dtype] of [
    ["beats.pt", undefined],
    ["beats.pt", "f16"],
    ["beats.safetensors", "bf16"],
  ] as const)
    await withCheckpoint(openCheckpointFile(BEATS, file), async (from) => {
      const whole = await convert(from, { dtype });
      const all = whole.files["model.safetensors"]!;
      const begun = memoryStore();
      await rejects(() => convertCheckpoint(from, failing(begun, 1), { dtype }), SourceError, /full disk/);
      for (let at = 0; at < all.length; at += 3001) {
        const out = memoryStore("out");
        await out.write("convert.json", (await begun.read("convert.json"))!);
        await out.append("model.safetensors.part", all.subarray(0, at));
        const { kept, bytes } = await convertCheckpoint(from, out, { dtype });
        assert.is(kept, Math.max(0, at - (all.length - bytes)));
        assert.equal(await filesOf(out), whole.files);
      }
    });
});

test("a signal ends it between slices, and it goes on", () =>
  withCheckpoint(small(), async (from) => {
    const out = memoryStore("out");
    const abort = new AbortController();
    const onProgress = (_: string, bytes: number) => bytes > 0 && abort.abort(new RangeError("enough"));
    const aborted = convertCheckpoint(from, out, { signal: abort.signal, onProgress });
    await rejects(() => aborted, RangeError, /^enough$/);
    assert.equal(await out.list(), ["convert.json", "model.safetensors.part"]);
    const { kept } = await convertCheckpoint(from, out);
    assert.is(kept, 16);
    assert.equal(await filesOf(out), (await convert(from)).files);
  }));

test("what is finished is said to be, and left as it is", () =>
  withCheckpoint(small(), async (from) => {
    const options = { files: new Map([["config.json", utf8("{}")]]) };
    const { out, converted } = await convert(from, options);
    await out.write("config.json", utf8('{"mine": 1}'));
    const before = await filesOf(out);
    assert.equal(await convertCheckpoint(from, failing(out, 0), options), {
      ...converted,
      kept: converted.bytes,
      verified: 0,
    });
    assert.equal(await filesOf(out), before);
  }));

test("a folder with something else is refused, and left as it is", () =>
  withCheckpoint(small(), async (from) => {
    const finished = (await convert(from)).out;
    const unfinished = memoryStore("unfinished");
    await rejects(() => convertCheckpoint(from, failing(unfinished, 3)), SourceError, /full disk/);
    const used = memoryStore("used");
    await used.write("a.txt", utf8("mine"));
    const empty =
      /^convert: expected an empty folder or this conversion in (out|used), got other files \((model\.safetensors|a\.txt)\); choose another folder$/;
    const print = await from.fingerprint();
    await withCheckpoint(small({ a: ramp(4) }), async (other) => {
      for (const [store, source, options, message] of [
        [used, from, {}, empty],
        [finished, other, {}, empty],
        [finished, from, { dtype: "f16" }, empty],
        [
          unfinished,
          other,
          {},
          RegExp(
            `^convert: expected unfinished to hold this conversion, unfinished, got another \\(fingerprint ${print} instead of [0-9a-f]{16}\\); choose another folder, or delete this one$`,
          ),
        ],
        [unfinished, from, { dtype: "bf16" }, /got another \(dtype none instead of bf16\)/],
        [
          unfinished,
          from,
          { dtype: "f16", shardBytes: 8 },
          /\(dtype none instead of f16, shardBytes 2000000000 instead of 8\)/,
        ],
      ] as const) {
        const before = await filesOf(store);
        await rejects(() => convertCheckpoint(source, store, options), ConvertError, message);
        assert.equal(await filesOf(store), before);
      }
    });
    await unfinished.write("convert.json", utf8("{"));
    await rejects(() => convertCheckpoint(from, unfinished), ConvertError, /got another \(fingerprint none/);
  }));

test("bytes that are not as written are noticed, named, and written anew", () =>
  withCheckpoint(small(), async (from) => {
    for (const [at, place] of [
      [-1, "'c'"],
      [-25, "'b'"],
      [20, "its header"],
    ] as const) {
      const out = memoryStore("out");
      const bad: Store = {
        ...out,
        async rename(part, name) {
          const bytes = (await out.read(part))!;
          bytes[at < 0 ? bytes.length + at : at]! ^= 1;
          await out.write(part, bytes);
          await out.rename(part, name);
        },
      };
      const message = RegExp(
        `^convert: expected out/model\\.safetensors to read as it was written, got other bytes in ${place}: the source changed, or the disk is bad; convert again`,
      );
      await rejects(
        () => convertCheckpoint(from, bad, { files: new Map([["x", utf8("")]]) }),
        ConvertError,
        message,
      );
      assert.equal(await out.list(), ["convert.json"]);
      await convertCheckpoint(from, out);
      assert.equal(await filesOf(out), (await convert(from)).files);
    }
  }));

test("NaN and values beyond the type end it, named; nothing has a final name", async () => {
  const nan = { dtype: "F32" as const, shape: [2], bytes: f32(1, Number.NaN) };
  const large = { dtype: "F32" as const, shape: [2], bytes: f32(1, 1e6) };
  for (const [b, message] of [
    [nan, /^convert: 'b': expected numbers, got NaN; get the files again$/],
    [large, /^convert: 'b': expected values of at most 65504 for f16, got 1000000; convert to bf16$/],
  ] as const)
    await withCheckpoint(small({ a: ramp(4), b }), async (from) => {
      const out = memoryStore("out");
      await rejects(() => convertCheckpoint(from, out, { dtype: "f16" }), ConvertError, message);
      assert.equal(await out.list(), ["convert.json", "model.safetensors.part"]);
    });
});

test("a file without tensors is refused", () =>
  withCheckpoint(small({}), async (from) => {
    const out = memoryStore("out");
    await rejects(
      () => convertCheckpoint(from, out),
      ConvertError,
      /^convert: expected tensors in m, got none;/,
    );
    assert.equal(await out.list(), []);
  }));

test("a shard size that is none is refused", () =>
  withCheckpoint(small(), async (from) => {
    for (const shardBytes of [0, -1, Number.NaN])
      await rejects(
        () => convert(from, { shardBytes }),
        ConvertError,
        /^convert: expected shardBytes to be a number/,
      );
  }));

test.run();
