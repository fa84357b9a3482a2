import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openCheckpointFile } from "../../src/io/checkpoint.ts";
import { openFolder } from "../../src/io/files-node.ts";
import { dict, entry, hole, pickle, tensor } from "./torch-files.ts";
import { zipFile } from "./zip-file.ts";

const GiB = 2 ** 30;

test("sizes and offsets beyond 4 GiB: an archive of 9 GiB, most of it holes", async () => {
  const dir = await mkdtemp(join(tmpdir(), "ahamask-zip64-"));
  const rows = 2 ** 20 + 1;
  const size = rows * 2048 * 2; // 4 GiB and a row
  const value = dict({
    large: tensor("HalfStorage", "0", [rows, 2048]),
    transposed: tensor("HalfStorage", "1", [2048, rows], [1, 2048]),
    behind: tensor("FloatStorage", "2", [2]),
  });
  await zipFile(join(dir, "large.pth"), [
    entry("large/data.pkl", pickle(value)),
    hole("large/data/0", size, [
      { at: 0, bytes: Uint8Array.of(1, 2) },
      { at: 4 * GiB, bytes: Uint8Array.of(3, 4) },
      { at: size - 2, bytes: Uint8Array.of(5, 6) },
    ]),
    hole("large/data/1", size, [{ at: size - 4, bytes: Uint8Array.of(7, 8, 9, 10) }]),
    entry("large/data/2", new Uint8Array(Float32Array.of(0.5, -2).buffer)),
  ]);
  const { blocks } = await stat(join(dir, "large.pth"));
  assert.ok(blocks * 512 < 2e6, `${blocks} blocks of 512 bytes`);

  const { tensors, close } = await openCheckpointFile(openFolder(dir), "large.pth");
  const read = async (name: string, at: number, length: number) => {
    const { source, begin } = tensors.get(name)!;
    return [...(await source.read(begin + at, length))];
  };
  const { begin, end } = tensors.get("large")!;
  assert.is(end - begin, size);
  assert.equal(await read("large", 0, 3), [1, 2, 0]);
  assert.equal(await read("large", 4 * GiB - 1, 4), [0, 3, 4, 0]);
  assert.equal(await read("large", size - 3, 3), [0, 5, 6]);
  assert.equal(await read("transposed", size - 2, 2), [9, 10]);
  assert.equal(await read("transposed", size - 2 - rows * 2, 2), [7, 8]);
  assert.equal(await read("behind", 0, 8), [...new Uint8Array(Float32Array.of(0.5, -2).buffer)]);
  await close();
  await rm(dir, { recursive: true });
});

test.run();
