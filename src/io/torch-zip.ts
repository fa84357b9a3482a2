/**
 * Files of torch.save since PyTorch 1.6: a ZIP file with everything in one folder of any name, `data.pkl` (the value,
 * see pickle.ts), `data/KEY` (a storage's elements) and `byteorder`. What else newer versions add is not needed.
 */
import { storageBytes } from "./pickle.ts";
import { type ByteSource, MAX_SLICE } from "./source.ts";
import { noStorage, readPickle, type TorchFile, torchError } from "./torch-layout.ts";
import { entrySource, readZip, type ZipEntry } from "./zip.ts";

/** @throws TorchFileError, ZipError, PickleError, SourceError */
export async function readTorchZip(source: ByteSource): Promise<TorchFile> {
  const { name: file } = source;
  const entries = await readZip(source);
  const roots = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (roots.length !== 1)
    throw torchError(file, "one folder with data.pkl", `${roots.length}; it is not one of torch.save`);
  const root = roots[0]!.slice(0, -"data.pkl".length);
  if (entries.has(`${root}constants.pkl`))
    throw torchError(file, "weights", "a TorchScript program; save its state_dict() with torch.save");
  const order = entries.get(`${root}byteorder`);
  const stated = order ? new TextDecoder().decode(await readSmall(order)) : "little";
  if (stated !== "little") throw torchError(file, "little-endian bytes", stated.slice(0, 20));
  const pickle = await readSmall(entries.get(roots[0]!)!);
  const { value, end } = readPickle(file, pickle);
  if (end !== pickle.length) throw torchError(file, "data.pkl to end", "more bytes; the file is damaged");
  return {
    value,
    async open(storage) {
      const entry = entries.get(`${root}data/${storage.key}`);
      if (!entry) throw noStorage(file, storage);
      const expected = storageBytes(storage);
      if (entry.size !== expected)
        throw torchError(
          file,
          `${expected} bytes in storage '${storage.key}'`,
          `${entry.size}; it is damaged`,
        );
      return entrySource(entry);
    },
  };
}

async function readSmall(entry: ZipEntry): Promise<Uint8Array<ArrayBuffer>> {
  if (entry.size > MAX_SLICE)
    throw torchError(entry.source.name, `'${entry.name}' of at most ${MAX_SLICE} bytes`, `${entry.size}`);
  return (await entrySource(entry)).read(0, entry.size);
}
