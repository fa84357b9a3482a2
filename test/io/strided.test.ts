import { test } from "uvu";
import * as assert from "uvu/assert";
import { openFolder } from "#files";
import { locate } from "#fixtures";
import { openCheckpointFile, slices } from "../../src/io/checkpoint.ts";
import { readTensor } from "../../src/io/safetensors.ts";
import { type ByteSource, memorySource } from "../../src/io/source.ts";
import { stridedSource } from "../../src/io/strided.ts";

const torch = openFolder(locate("test/fixtures/torch"));

for (const file of ["views.pth", "views.legacy.pth"])
  test(`${file}: views are read row by row, whole and in slices that cut rows and elements`, async () => {
    const { tensors, close } = await openCheckpointFile(torch, file);
    const views = [...tensors].filter(([name]) => tensors.has(`${name}.rows`));
    assert.is(views.length, 22);
    for (const [name, info] of views) {
      const rows = tensors.get(`${name}.rows`)!;
      assert.equal([info.dtype, info.shape], [rows.dtype, rows.shape], name);
      const expected = await readTensor(rows);
      assert.equal(await readTensor(info), expected, name);
      for (const limit of [1, 3, 7, 16, 50]) {
        const read: number[] = [];
        for await (const { bytes } of slices(info, { limit })) read.push(...bytes);
        assert.equal(read, [...expected], `${name} by ${limit}`);
      }
    }
    await close();
  });

test("a storage that tensors share is one source", async () => {
  const { tensors, close } = await openCheckpointFile(torch, "views.pth");
  const [weight, tied, rows] = ["weight", "tied", "rows"].map((name) => tensors.get(name)!);
  assert.is(tied!.source, weight!.source);
  assert.equal([tied!.begin, tied!.end], [weight!.begin, weight!.end]);
  assert.is(rows!.source, weight!.source);
  assert.is(rows!.begin, weight!.begin + 2 * 10 * 4);
  await close();
});

/** Counts what is read of `bytes`. */
function counted(bytes: Uint8Array) {
  const seen = { reads: 0, bytes: 0, most: 0 };
  const inner = memorySource("counted", bytes);
  const source: ByteSource = {
    ...inner,
    read(offset, length, options) {
      seen.reads++;
      seen.bytes += length;
      seen.most = Math.max(seen.most, length);
      return inner.read(offset, length, options);
    },
  };
  return { source, seen };
}

/** Element (i, j) of a transposed matrix of R rows in its storage is number i + j·R. */
async function transposed(R: number, C: number, slice: number) {
  const elements = Uint16Array.from({ length: R * C }, (_, i) => (i * 2_654_435_761) >>> 13);
  const { source, seen } = counted(new Uint8Array(elements.buffer));
  const view = stridedSource(source, 0, [R, C], [1, R], 2);
  for (let at = 0; at < view.size; at += slice) {
    const read = new Uint16Array((await view.read(at, Math.min(slice, view.size - at))).buffer);
    const wrong = read.findIndex((value, n) => {
      const i = at / 2 + n;
      return value !== elements[Math.floor(i / C) + (i % C) * R];
    });
    assert.is(wrong, -1, `element ${wrong} from byte ${at}`);
  }
  return seen;
}

test("a large transposed matrix takes pieces of the storage, and not many more bytes than it has", async () => {
  const seen = await transposed(3000, 2000, 4 * 2 ** 20);
  assert.ok(seen.most <= 4 * 2 ** 20, `${seen.most} bytes at once`);
  assert.ok(seen.reads <= 20, `${seen.reads} reads`);
  assert.ok(seen.bytes <= 4 * 12e6, `${seen.bytes} bytes`);
});

test("what lies far apart is read by itself: a sample costs no storage", async () => {
  const { source, seen } = counted(new Uint8Array(2 ** 24));
  const view = stridedSource(source, 0, [2 ** 10, 2 ** 12], [1, 2 ** 10], 4);
  await view.read(2 ** 23, 16);
  assert.equal([seen.reads, seen.bytes], [1, 3 * 2 ** 12 + 4]);
  const sparse = counted(new Uint8Array(2 ** 24));
  await stridedSource(sparse.source, 5, [4, 2], [2 ** 19, 2 ** 21], 4).read(0, 32);
  assert.equal([sparse.seen.reads, sparse.seen.bytes], [8, 32]);
});

test("an aborted read stops", async () => {
  const view = stridedSource(memorySource("m", new Uint8Array(100)), 0, [5, 5], [1, 5], 4);
  const reading = view.read(0, 100, { signal: AbortSignal.abort(new Error("enough")) });
  assert.is(((await reading.catch((error: Error) => error)) as Error).message, "enough");
});

test.run();
