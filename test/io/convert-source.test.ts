import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import { openCheckpoint } from "../../src/io/checkpoint.ts";
import { convertCheckpoint } from "../../src/io/convert.ts";
import { ConvertError } from "../../src/io/convert-values.ts";
import { openFolder } from "../../src/io/files-node.ts";
import { SourceError } from "../../src/io/source.ts";
import { memoryStore, type Store } from "../../src/io/store.ts";
import { file, ramp, rejects } from "./helpers.ts";

test("a source that is cut short or changes on the way is said", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ahamask-convert-"));
  const path = join(folder, "model.safetensors");
  const wrong: [(bytes: Uint8Array) => Promise<void>, RegExp][] = [
    [
      () => truncate(path, 200),
      /^read: expected \d+ bytes of .*model\.safetensors at \d+, got \d+: it was cut short$/,
    ],
    [
      (bytes) => writeFile(path, bytes.fill(1, -1)),
      /^convert: .* got other bytes in 'c': the source changed, or/,
    ],
  ];
  try {
    for (const [change, message] of wrong) {
      const bytes = file({ a: ramp(4), b: ramp(2, 3), c: ramp(5) });
      await writeFile(path, bytes);
      const from = await openCheckpoint(openFolder(folder));
      try {
        const store = memoryStore("out");
        const out: Store = {
          ...store,
          async rename(part, name) {
            await store.rename(part, name);
            await change(bytes);
          },
        };
        const type = message.source.startsWith("^read") ? SourceError : ConvertError;
        await rejects(() => convertCheckpoint(from, out), type, message);
      } finally {
        await from.close();
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
