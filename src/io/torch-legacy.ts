/**
 * Files of torch.save before PyTorch 1.6: five pickles, one after the other (a magic number, the layout's version, the
 * machine's byte order, the value, the keys of its storages), then by those keys each storage: the number of its elements
 * (int64) and the elements. Format: _legacy_save and _legacy_load in torch/serialization.py.
 */
import { storageBytes, type TorchValue } from "./pickle.ts";
import { type ByteSource, MAX_SLICE, partSource } from "./source.ts";
import { noStorage, readPickle, type TorchFile, torchError } from "./torch-layout.ts";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;

/** Bytes of a storage's count of elements. */
const COUNT = 8;

/** @throws TorchFileError, PickleError, SourceError */
export async function readTorchLegacy(source: ByteSource): Promise<TorchFile> {
  const { value, storages, keys, end } = await readPickles(source);
  const places = new Map<string, number>();
  let at = end;
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (!storage || places.has(storage.key))
      throw torchError(source.name, "each storage's key once", `${show(key)}; the file is damaged`);
    places.set(storage.key, at);
    at += COUNT + storageBytes(storage);
    if (at > source.size)
      throw torchError(
        source.name,
        `storage '${storage.key}' to end within the file`,
        `end ${at} of ${source.size} bytes; the file is cut short`,
      );
  }
  return {
    value,
    async open(storage) {
      const place = places.get(storage.key);
      if (place === undefined) throw noStorage(source.name, storage);
      const bytes = await source.read(place, COUNT);
      const stated = new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true);
      if (stated !== BigInt(storage.length))
        throw torchError(
          source.name,
          `${storage.length} elements in storage '${storage.key}'`,
          `${stated}; the file is damaged`,
        );
      return partSource(source, place + COUNT, storageBytes(storage));
    },
  };
}

/** The pickles, which must lie within the first MAX_SLICE bytes. */
async function readPickles(source: ByteSource) {
  const { name: file } = source;
  const start = await source.read(0, Math.min(source.size, MAX_SLICE));
  let at = 0;
  const next = () => {
    const pickle = readPickle(file, start, at);
    at = pickle.end;
    return pickle;
  };
  if (next().value !== MAGIC)
    throw torchError(file, "what torch.save writes", "a bare pickle; save it with torch.save");
  const version = next().value;
  if (version !== VERSION) throw torchError(file, `version ${VERSION} of the layout`, show(version));
  const machine = next().value;
  if (!(machine instanceof Map) || machine.get("little_endian") !== true)
    throw torchError(file, "little-endian bytes", "others; save the file again on another machine");
  const { value, storages } = next();
  const keys = next().value;
  if (!Array.isArray(keys))
    throw torchError(file, "a list of storages", `${show(keys)}; the file is damaged`);
  return { value, storages, keys, end: at };
}

const show = (value: TorchValue) =>
  typeof value === "object" ? "another object" : `'${value}'`.slice(0, 100);
