/**
 * The directory of a ZIP file whose entries are stored as they are, as torch.save writes them; sizes beyond 4 GiB
 * included. Format: PKWARE's APPNOTE.TXT, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14 to 4.3.16 (its end).
 */
import { crc32 } from "#files";
import { type ByteSource, MAX_SLICE, partSource } from "./source.ts";

/** The file is not a ZIP file, is damaged, or packed in a way that is not read here. */
export class ZipError extends Error {
  override name = "ZipError";
}

/** A run of bytes in a ZIP file. */
export interface ZipEntry {
  readonly name: string;
  readonly source: ByteSource;
  /** Bytes. */
  readonly size: number;
  readonly crc32: number;
  /** Of its local header, behind which its bytes lie. */
  readonly header: number;
}

const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const END64_LOCATOR = 0x07064b50;
const UNKNOWN = 0xffffffff; // it stands in a zip64 record

const bad = (source: ByteSource, expected: string, got: string) =>
  new ZipError(`zip: ${source.name}: expected ${expected}, got ${got}`);

/** The entries by name. @throws ZipError, SourceError */
export async function readZip(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const { at, size, count } = await findDirectory(source);
  if (size > MAX_SLICE || at + size > source.size)
    throw bad(source, `a directory of at most ${MAX_SLICE} bytes within the file`, `${size} at ${at}`);
  const view = dataView(await source.read(at, size));
  const entries = new Map<string, ZipEntry>();
  for (let from = 0; from < size; ) {
    const length =
      from + 46 <= size && view.getUint32(from, true) === DIRECTORY_ENTRY && entryLength(view, from);
    if (!length || from + length > size) throw bad(source, `a directory of ${count} entries`, "other bytes");
    const entry = parseEntry(source, new DataView(view.buffer, view.byteOffset + from, length));
    if (entries.has(entry.name)) throw bad(source, "every name once", `'${entry.name}' twice`);
    entries.set(entry.name, entry);
    from += length;
  }
  if (entries.size !== count) throw bad(source, `${count} entries`, `${entries.size}`);
  return entries;
}

const dataView = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const u64 = (view: DataView, at: number) => Number(view.getBigUint64(at, true));

/** Where the directory lies, from the record that ends the file: 22 bytes and a comment of at most 65535. */
async function findDirectory(source: ByteSource): Promise<{ at: number; size: number; count: number }> {
  const length = Math.min(source.size, 22 + 0xffff);
  const tail = dataView(await source.read(source.size - length, length));
  for (let i = length - 22; i >= 0; i--) {
    if (tail.getUint32(i, true) !== END || tail.getUint16(i + 20, true) !== length - i - 22) continue;
    const end64 = i >= 20 && tail.getUint32(i - 20, true) === END64_LOCATOR ? u64(tail, i - 12) : undefined;
    if (end64 !== undefined) return directory64(source, end64);
    return {
      count: tail.getUint16(i + 10, true),
      size: tail.getUint32(i + 12, true),
      at: tail.getUint32(i + 16, true),
    };
  }
  throw bad(source, "a ZIP file", "no directory at its end; it is cut short or another format");
}

async function directory64(source: ByteSource, at: number) {
  const view = at + 56 <= source.size ? dataView(await source.read(at, 56)) : undefined;
  if (view?.getUint32(0, true) !== END64) throw bad(source, `a zip64 record at ${at}`, "other bytes");
  return { count: u64(view, 32), size: u64(view, 40), at: u64(view, 48) };
}

/** Of the fixed part, the name, the extra fields and the comment. */
const entryLength = (view: DataView, at: number) =>
  46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);

function parseEntry(source: ByteSource, view: DataView): ZipEntry {
  const nameLength = view.getUint16(28, true);
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + 46, nameLength));
  const [flags, method] = [view.getUint16(8, true), view.getUint16(10, true)];
  if (!isWithin(name)) throw bad(source, "names within the archive", `${JSON.stringify(name.slice(0, 100))}`);
  if (flags & 1) throw bad(source, `'${name}' to be readable`, "it encrypted");
  if (method !== 0)
    throw bad(
      source,
      `'${name}' as it is`,
      `it compressed (method ${method}); save the file again with torch.save`,
    );
  const [stored, size, header] = sizes(source, name, view, 46 + nameLength);
  if (stored !== size || header + 30 + size > source.size)
    throw bad(source, `'${name}' to lie within the file`, `${size} bytes at ${header}; it is damaged`);
  return { name, source, size, header, crc32: view.getUint32(16, true) };
}

/** Whether a name stays in the folder that an archive is unpacked to; a folder's own ends in a slash. */
const isWithin = (name: string) =>
  !/[\\\0]/.test(name) &&
  name
    .replace(/(?<=.)\/$/, "")
    .split("/")
    .every((part) => !["", ".", ".."].includes(part));

/** Bytes stored, bytes of content, and offset; those that do not fit into 32 bits follow in extra field 1, in this order. */
function sizes(source: ByteSource, name: string, view: DataView, extra: number): [number, number, number] {
  const values = [20, 24, 42].map((at) => view.getUint32(at, true));
  const wide = values.filter((value) => value === UNKNOWN).length;
  let at = wide > 0 ? zip64Field(view, extra, 8 * wide) : 0;
  if (at === undefined) throw bad(source, `'${name}' to have its size`, "no zip64 field");
  const [size, stored, header] = [1, 0, 2].map((i) => {
    if (values[i] !== UNKNOWN) return values[i]!;
    const value = u64(view, at!);
    at! += 8;
    return value;
  });
  return [stored!, size!, header!];
}

function zip64Field(view: DataView, from: number, least: number): number | undefined {
  const end = from + view.getUint16(30, true);
  for (let at = from; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
    const length = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1) return length >= least && at + 4 + length <= end ? at + 4 : undefined;
  }
  return undefined;
}

/**
 * An entry's bytes. They are summed up as reads go on from the first to the last, in whatever pieces; when all have been
 * seen and the sum is another than stated, that read and each after it throws. A sum of 0 says nothing: torch.save
 * writes it when it is told not to compute any.
 * @throws ZipError, SourceError
 */
export async function entrySource({
  name,
  source,
  size,
  header,
  crc32: stated,
}: ZipEntry): Promise<ByteSource> {
  const view = dataView(await source.read(header, 30));
  const begin = header + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  if (view.getUint32(0, true) !== LOCAL_HEADER || begin + size > source.size)
    throw bad(source, `'${name}' at ${header}`, "other bytes; it is damaged");
  const part = partSource(source, begin, size);
  if (stated === 0) return part;
  let [summed, sum] = [0, 0]; // the first so many bytes, and their sum
  return {
    ...part,
    async read(offset, length, options) {
      const bytes = await part.read(offset, length, options);
      const end = offset + length;
      if (offset <= summed && summed < end)
        [summed, sum] = [end, crc32(bytes.subarray(summed - offset), sum)];
      if (summed === size && sum !== stated)
        throw bad(source, `'${name}' to have the CRC ${hex(stated)}`, `${hex(sum)}; the file is damaged`);
      return bytes;
    },
  };
}

const hex = (value: number) => value.toString(16).padStart(8, "0");
