/** Files of torch.save made by hand: pickles opcode by opcode, ZIP files entry by entry, of any size and however wrong. */
import { crc32 } from "../../src/io/crc32.ts";

/** Opcodes by their characters as Python's pickletools names them; `\xNN` are bytes, as text of latin1. */
export const bytes = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(text, (char) => char.charCodeAt(0));

export const pickle = (opcodes: string): Uint8Array<ArrayBuffer> => bytes(`\x80\x02${opcodes}.`);

const little = (value: number, width: number) =>
  Array.from({ length: width }, (_, i) => String.fromCharCode(Math.floor(value / 256 ** i) % 256)).join("");

export const u32 = (n: number): string => little(n, 4);

/** The opcodes that push a text, an int, a tuple of ints, a dict. */
export const str = (text: string): string => `X${u32(text.length)}${text}`;
export const int = (n: number): string => `\x8a\x08${little(n, 8)}`;
export const ints = (...values: number[]): string => `(${values.map(int).join("")}t`;
export function dict(values: Readonly<Record<string, string>>): string {
  const items = Object.entries(values).map(([key, value]) => str(key) + value);
  return `}(${items.join("")}u`;
}

/** The opcodes that push a storage, and a tensor that is all of one. */
export const storage = (type: string, key: string, length: number): string =>
  `(${str("storage")}ctorch\n${type}\n${str(key)}${str("cpu")}${int(length)}tQ`;
export function tensor(type: string, key: string, shape: readonly number[], strides = rows(shape)): string {
  const length = shape.reduce((size, n) => size * n, 1);
  const args = `${storage(type, key, length)}${int(0)}${ints(...shape)}${ints(...strides)}\x89}`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${args}tR`;
}

const rows = (shape: readonly number[]) =>
  shape.map((_, dim) => shape.slice(dim + 1).reduce((size, n) => size * n, 1));

export interface Entry {
  readonly name: string;
  readonly size: number;
  /** What is not zero. */
  readonly pieces: readonly Piece[];
  /** 0 for none. */
  readonly crc: number;
}

export interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export const entry = (name: string, content: Uint8Array, crc = crc32(content)): Entry => ({
  name,
  size: content.length,
  pieces: [{ at: 0, bytes: content }],
  crc,
});

/** An entry of zeros, but for `pieces`. */
export function hole(name: string, size: number, pieces: readonly Piece[] = []): Entry {
  return { name, size, pieces, crc: 0 };
}

const WIDE = 0xffffffff;

/** A ZIP file of stored entries, with zip64 records where a number takes them. */
export function zip(entries: readonly Entry[]): { readonly size: number; readonly pieces: Piece[] } {
  const pieces: Piece[] = [];
  let size = 0;
  const put = (text: string) => {
    pieces.push({ at: size, bytes: bytes(text) });
    size += text.length;
  };
  const narrow = (n: number) => u32(Math.min(n, WIDE));
  const extra = (...values: number[]) => {
    const wide = values.filter((n) => n >= WIDE).map((n) => little(n, 8));
    return wide.length ? `${little(1, 2)}${little(8 * wide.length, 2)}${wide.join("")}` : "";
  };
  const directory = entries.map((entry) => {
    const header = size;
    const sizes = `${u32(entry.crc)}${narrow(entry.size)}${narrow(entry.size)}${little(entry.name.length, 2)}`;
    const local = extra(entry.size, entry.size);
    put(`PK\x03\x04${"\0".repeat(10)}${sizes}${little(local.length, 2)}${entry.name}${local}`);
    pieces.push(...entry.pieces.map(({ at, bytes }) => ({ at: size + at, bytes })));
    size += entry.size;
    const all = extra(entry.size, entry.size, header);
    const start = `PK\x01\x02${"\0".repeat(12)}${sizes}${little(all.length, 2)}`;
    return `${start}${"\0".repeat(10)}${narrow(header)}${entry.name}${all}`;
  });
  const begin = size;
  for (const text of directory) put(text);
  const [length, count] = [size - begin, entries.length];
  if (begin >= WIDE) {
    const record = size;
    const counts = `${little(count, 8)}${little(count, 8)}${little(length, 8)}${little(begin, 8)}`;
    put(`PK\x06\x06${little(44, 8)}${"\0".repeat(12)}${counts}`);
    put(`PK\x06\x07${u32(0)}${little(record, 8)}${u32(1)}`);
  }
  put(
    `PK\x05\x06${u32(0)}${little(count, 2)}${little(count, 2)}${u32(length)}${narrow(begin)}${little(0, 2)}`,
  );
  return { size, pieces };
}

export function zipBytes(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const { size, pieces } = zip(entries);
  const file = new Uint8Array(size);
  for (const { at, bytes } of pieces) file.set(bytes, at);
  return file;
}
