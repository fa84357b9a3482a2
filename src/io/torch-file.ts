/**
 * Files of torch.save since PyTorch 1.6: a ZIP file with everything in one folder of any name, `data.pkl` (the value,
 * see pickle.ts), `data/KEY` (a storage's elements) and `byteorder`. What else newer versions add is not needed.
 */
import { type TorchStorage, type TorchTensor, type TorchValue, unpickle } from "./pickle.ts";
import { STORED_BYTES } from "./safetensors.ts";
import { type ByteSource, MAX_SLICE } from "./source.ts";
import { toF32 } from "./values.ts";
import { readEntry, readZip, type ZipEntry } from "./zip.ts";

/** The file is not one of torch.save, or of a kind that is not read here. */
export class TorchFileError extends Error {
  override name = "TorchFileError";
}

export interface TorchFile {
  /** What was saved; tensors say which storage they lie in. */
  readonly value: TorchValue;
  /** By key; their bytes are still in the file. */
  readonly storages: ReadonlyMap<string, ZipEntry>;
}

const bad = (name: string, expected: string, got: string) =>
  new TorchFileError(`torch: ${name}: expected ${expected}, got ${got}`);

/**
 * Reads what a file holds, without its tensors' elements. Nothing in it is run.
 * @throws TorchFileError, ZipError, PickleError, SourceError
 */
export async function readTorch(source: ByteSource): Promise<TorchFile> {
  await checkLayout(source);
  const entries = await readZip(source);
  const roots = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (roots.length !== 1)
    throw bad(source.name, "one folder with data.pkl", `${roots.length}; it is not one of torch.save`);
  const root = roots[0]!.slice(0, -"data.pkl".length);
  if (entries.has(`${root}constants.pkl`))
    throw bad(source.name, "weights", "a TorchScript program; save its state_dict() with torch.save");
  const order = entries.get(`${root}byteorder`);
  const stated = order ? new TextDecoder().decode(await readSmall(order)) : "little";
  if (stated !== "little") throw bad(source.name, "little-endian bytes", stated.slice(0, 20));
  const value = unpickle(await readSmall(entries.get(roots[0]!)!));
  const data = `${root}data/`;
  const storages = [...entries].filter(([name]) => name.startsWith(data));
  return { value, storages: new Map(storages.map(([name, entry]) => [name.slice(data.length), entry])) };
}

/** Says what the file is when it is no ZIP file: one from before PyTorch 1.6, or a bare pickle. */
async function checkLayout(source: ByteSource): Promise<void> {
  const start = await source.read(0, Math.min(4, source.size));
  if (new TextDecoder().decode(start) === "PK\u0003\u0004") return;
  const got =
    start[0] === 0x80
      ? "the older layout or a bare pickle; save it again with a newer torch.save"
      : "other bytes; it is cut short or another format";
  throw bad(source.name, "the ZIP layout of torch.save", got);
}

async function readSmall(entry: ZipEntry): Promise<Uint8Array<ArrayBuffer>> {
  if (entry.size > MAX_SLICE)
    throw bad(entry.source.name, `'${entry.name}' of at most ${MAX_SLICE} bytes`, `${entry.size}`);
  return readEntry(entry);
}

/** Where a storage's bytes lie. @throws TorchFileError */
export function storageEntry(file: TorchFile, { key, length, dtype }: TorchStorage): ZipEntry {
  const entry = file.storages.get(key);
  if (!entry) throw new TorchFileError(`torch: expected storage '${key}', got none; the file is damaged`);
  const expected = length * STORED_BYTES[dtype];
  if (entry.size !== expected)
    throw bad(entry.source.name, `${expected} bytes in storage '${key}'`, `${entry.size}; it is damaged`);
  return entry;
}

/**
 * A small tensor's elements as f32, row by row, whatever its strides; for what is at most MAX_SLICE bytes.
 * @returns f32, as many as the shape's product
 * @throws TorchFileError, ZipError (among them a wrong check sum), SourceError
 */
export async function readTensorF32(
  file: TorchFile,
  tensor: TorchTensor,
): Promise<Float32Array<ArrayBuffer>> {
  const { storage, shape, strides, offset, dtype } = tensor;
  const entry = storageEntry(file, storage);
  const count = shape.reduce((product, n) => product * n, 1);
  if (count > MAX_SLICE / 4)
    throw bad(entry.source.name, `a tensor of at most ${MAX_SLICE / 4} elements`, `[${shape.join(", ")}]`);
  const elements = toF32(await readSmall(entry), dtype);
  return Float32Array.from({ length: count }, (_, i) => elements[place(i, shape, strides, offset)]!);
}

/** Where the i-th element in row order lies in the storage. */
function place(i: number, shape: readonly number[], strides: readonly number[], offset: number): number {
  let at = offset;
  for (let dim = shape.length - 1, rest = i; dim >= 0; dim--) {
    at += (rest % shape[dim]!) * strides[dim]!;
    rest = Math.floor(rest / shape[dim]!);
  }
  return at;
}
