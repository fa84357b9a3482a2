/**
 * Writes files of torch.save (the ZIP layout of PyTorch 1.6 and newer), for scripts and tests: plain values, and tensors
 * whose elements are made while they are written, so that a file of any size needs no memory to speak of.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { basename, extname } from "node:path";
import { crc32 } from "node:zlib";
import { STORED_BYTES, type StoredDType } from "../src/io/safetensors.ts";

/** A tensor to be written. */
export class TensorSource {
  constructor(
    readonly dtype: StoredDType,
    readonly shape: readonly number[],
    /** The elements' bytes in row order, in pieces of any length. */
    readonly pieces: () => Iterable<Uint8Array>,
  ) {}

  get elements(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }

  get bytes(): number {
    return this.elements * STORED_BYTES[this.dtype];
  }
}

/** None, bool, int or float (whatever is whole is an int), str, list, dict, tensor. */
export type TorchSource =
  | null
  | boolean
  | number
  | string
  | readonly TorchSource[]
  | ReadonlyMap<string | number, TorchSource>
  | { readonly [key: string]: TorchSource }
  | TensorSource;

/** Writes a value as torch.save does, in a root folder of the file's name. */
export function writeTorch(path: string, value: TorchSource): void {
  const pickler = new Pickler();
  const pickle = pickler.dump(value);
  using zip = new ZipWriter(path, basename(path, extname(path)));
  zip.entry("data.pkl", pickle.length, [pickle]);
  zip.text("byteorder", "little");
  for (const [key, tensor] of pickler.storages.entries())
    zip.entry(`data/${key}`, tensor.bytes, tensor.pieces());
  zip.text("version", "3\n");
  zip.end();
}

const STORAGE: Readonly<Record<StoredDType, string>> = {
  F64: "DoubleStorage",
  F32: "FloatStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  I64: "LongStorage",
  I32: "IntStorage",
  I16: "ShortStorage",
  I8: "CharStorage",
  U8: "ByteStorage",
  BOOL: "BoolStorage",
};

/** Pickles by protocol 2, without memo (Lib/pickletools.py); a tensor as torch/_utils.py rebuilds it. */
class Pickler {
  /** Tensors in the order of their keys. */
  readonly storages: TensorSource[] = [];
  readonly #parts: Buffer[] = [];

  dump(value: TorchSource): Buffer {
    this.#put(0x80, 2); // PROTO
    this.#save(value);
    this.#put(".");
    return Buffer.concat(this.#parts);
  }

  #save(value: TorchSource): void {
    if (value === null) this.#put("N");
    else if (typeof value === "boolean") this.#put(value ? 0x88 : 0x89);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "string") this.#text(value);
    else if (value instanceof TensorSource) this.#tensor(value);
    else if (Array.isArray(value)) this.#sequence("]", value, "e");
    else this.#sequence("}", [...(value instanceof Map ? value : Object.entries(value))].flat(), "u");
  }

  /** An empty list or dict (nothing for a tuple), a mark, the items, and what takes them in. */
  #sequence(empty: string, items: readonly TorchSource[], take: string): void {
    this.#put(empty, "(");
    for (const item of items) this.#save(item);
    this.#put(take);
  }

  #number(value: number): void {
    const bytes = Buffer.alloc(9);
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) {
      bytes.write("J"); // BININT
      bytes.writeInt32LE(value, 1);
      this.#parts.push(bytes.subarray(0, 5));
    } else if (Number.isInteger(value)) {
      this.#put(0x8a, 8); // LONG1
      bytes.writeBigInt64LE(BigInt(value));
      this.#parts.push(bytes.subarray(0, 8));
    } else {
      bytes.write("G"); // BINFLOAT
      bytes.writeDoubleBE(value, 1);
      this.#parts.push(bytes);
    }
  }

  #text(value: string): void {
    const text = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    this.#parts.push(Buffer.from("X"), length, text); // BINUNICODE
  }

  #tensor(tensor: TensorSource): void {
    const strides = tensor.shape.map((_, i) => tensor.shape.slice(i + 1).reduce((n, d) => n * d, 1));
    this.#put("ctorch._utils\n_rebuild_tensor_v2\n", "(", "(");
    this.#text("storage");
    this.#put(`ctorch\n${STORAGE[tensor.dtype]}\n`);
    this.#text(`${this.storages.length}`);
    this.#text("cpu");
    this.#number(tensor.elements);
    this.#put("t", "Q"); // TUPLE, BINPERSID
    this.#number(0); // offset
    this.#sequence("", tensor.shape, "t");
    this.#sequence("", strides, "t");
    this.#put(0x89, "ccollections\nOrderedDict\n)R", "t", "R"); // no gradient, no hooks
    this.storages.push(tensor);
  }

  #put(...codes: (string | number)[]): void {
    for (const code of codes)
      this.#parts.push(typeof code === "string" ? Buffer.from(code) : Buffer.of(code));
  }
}

const UNKNOWN = 0xffffffff; // it stands in a zip64 field
const ALIGNMENT = 64;

/** A ZIP file with entries stored as they are, each on a multiple of 64 bytes (APPNOTE.TXT, sections 4.3.7 to 4.3.16). */
class ZipWriter {
  readonly #file: number;
  readonly #directory: Buffer[] = [];
  #at = 0;

  constructor(
    path: string,
    private readonly root: string,
  ) {
    this.#file = openSync(path, "w");
  }

  text(name: string, text: string): void {
    this.entry(name, text.length, [Buffer.from(text)]);
  }

  entry(file: string, size: number, pieces: Iterable<Uint8Array>): void {
    const name = Buffer.from(`${this.root}/${file}`);
    const header = this.#at;
    const wide = size >= UNKNOWN ? zip64(size, size) : Buffer.alloc(0);
    const padding = -(header + 30 + name.length + wide.length + 4) & (ALIGNMENT - 1);
    const filler = Buffer.alloc(4 + padding, "Z");
    filler.write("FB");
    filler.writeUInt16LE(padding, 2);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt32LE(Math.min(size, UNKNOWN), 18);
    local.writeUInt32LE(Math.min(size, UNKNOWN), 22);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(wide.length + filler.length, 28);
    this.#write(local, name, wide, filler);
    const begin = this.#at;
    let sum = 0;
    for (const piece of pieces) {
      sum = crc32(piece, sum);
      this.#write(piece);
    }
    if (this.#at - begin !== size)
      throw new Error(`torch-writer: expected ${size} bytes of ${file}, got ${this.#at - begin}`);
    local.writeUInt32LE(sum, 14);
    writeSync(this.#file, local, 0, 30, header);
    this.#directory.push(directoryEntry(name, header, size, sum));
  }

  /** Writes the directory: only then is it a ZIP file. */
  end(): void {
    const at = this.#at;
    this.#write(...this.#directory);
    const [size, count, end64] = [this.#at - at, this.#directory.length, this.#at];
    const wide = Buffer.alloc(56 + 20);
    wide.writeUInt32LE(0x06064b50);
    wide.writeBigUInt64LE(44n, 4);
    wide.writeBigUInt64LE(BigInt(count), 24);
    wide.writeBigUInt64LE(BigInt(count), 32);
    wide.writeBigUInt64LE(BigInt(size), 40);
    wide.writeBigUInt64LE(BigInt(at), 48);
    wide.writeUInt32LE(0x07064b50, 56); // where the above is
    wide.writeBigUInt64LE(BigInt(end64), 64);
    wide.writeUInt32LE(1, 72);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50);
    end.writeUInt16LE(Math.min(count, 0xffff), 8);
    end.writeUInt16LE(Math.min(count, 0xffff), 10);
    end.writeUInt32LE(Math.min(size, UNKNOWN), 12);
    end.writeUInt32LE(Math.min(at, UNKNOWN), 16);
    this.#write(wide, end);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #write(...parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      for (let done = 0; done < part.length; )
        done += writeSync(this.#file, part, done, part.length - done, this.#at + done);
      this.#at += part.length;
    }
  }
}

/** An entry of the directory; what does not fit into 32 bits follows in a zip64 field. */
function directoryEntry(name: Buffer, header: number, size: number, sum: number): Buffer {
  const wide = [size, size, header].some((value) => value >= UNKNOWN) ? zip64(size, size, header) : undefined;
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50);
  entry.writeUInt32LE(sum, 16);
  entry.writeUInt32LE(wide ? UNKNOWN : size, 20);
  entry.writeUInt32LE(wide ? UNKNOWN : size, 24);
  entry.writeUInt16LE(name.length, 28);
  entry.writeUInt16LE(wide?.length ?? 0, 30);
  entry.writeUInt32LE(wide ? UNKNOWN : header, 42);
  return Buffer.concat([entry, name, ...(wide ? [wide] : [])]);
}

function zip64(...values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length);
  field.writeUInt16LE(1);
  field.writeUInt16LE(8 * values.length, 2);
  for (const [i, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  return field;
}
