/**
 * The safetensors format: 8 bytes of header length N (u64, little endian), N bytes of JSON that start with `{`, then
 * the tensors' bytes. The header maps each name to `{dtype, shape, data_offsets: [begin, end]}`, offsets counted from
 * the end of the header; the tensors cover the rest of the file without overlap or hole. `__metadata__` maps strings
 * to strings. Format: https://huggingface.co/docs/safetensors
 */
import { type ByteSource, MAX_SLICE } from "./source.ts";

/** Bytes an element takes, for every element type that may be stored. */
export const STORED_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type StoredDType = keyof typeof STORED_BYTES;

export interface TensorInfo {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly source: ByteSource;
  /** Where its bytes lie in the source, row by row. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of their bytes. */
  readonly tensors: Map<string, TensorInfo>;
  readonly metadata: Record<string, string>;
}

/** The file is not a safetensors file, or breaks a rule of the format. */
export class SafetensorsError extends Error {
  override name = "SafetensorsError";
}

/** The most bytes of header the format allows. */
const MAX_HEADER = 100_000_000;

/** Reads and checks a file's header; the tensors' bytes stay where they are. Throws SafetensorsError. */
export async function parseHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const bad = (expected: string, got: string) =>
    new SafetensorsError(`safetensors: ${source.name}: expected ${expected}, got ${got}`);

  if (source.size < 8) throw bad("at least the 8 bytes of the header's length", `${source.size} bytes`);
  const prefix = await source.read(0, 8);
  const declared = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (declared === 0n) throw bad("a header", "a header length of 0");
  if (declared > MAX_HEADER)
    throw bad(
      `a header of at most ${MAX_HEADER} bytes`,
      `a header length of ${declared}; this is no safetensors file, or a damaged one: download it again`,
    );
  const data = 8 + Number(declared);
  if (data > source.size)
    throw bad(
      `a header of ${declared} bytes`,
      `a file of ${source.size} bytes; it is cut short or not safetensors`,
    );

  const json = decodeHeader(await readRange(source, 8, data), bad);
  const tensors: TensorInfo[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(json)) {
    if (name === "__metadata__") metadata = checkMetadata(entry, bad);
    else tensors.push(checkEntry(name, entry, source, data, bad));
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCover(tensors, data, source.size, bad);
  return { tensors: new Map(tensors.map((info) => [info.name, info])), metadata };
}

/** All bytes of one tensor, for what is small enough to hold. */
export const readTensor = (info: TensorInfo): Promise<Uint8Array<ArrayBuffer>> =>
  readRange(info.source, info.begin, info.end);

/** Bytes of a source, for a range that is small enough to hold. */
export async function readRange(
  source: ByteSource,
  begin: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - begin);
  for (let at = begin; at < end; at += MAX_SLICE)
    await source.read(at, Math.min(MAX_SLICE, end - at), { into: bytes.subarray(at - begin) });
  return bytes;
}

type Bad = (expected: string, got: string) => SafetensorsError;

function decodeHeader(bytes: Uint8Array, bad: Bad): object {
  if (bytes[0] !== 0x7b) throw bad("a header that starts with '{'", `byte ${bytes[0]}`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw bad("a header in UTF-8", "other bytes");
  }
  let json: object;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw bad("a header in JSON", `${error instanceof Error ? error.message : error}`);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) throw bad("every name once", `'${twice}' twice`);
  return json;
}

/** The first key that an object of `json` (valid JSON) holds twice; JSON.parse would silently keep the last. */
function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const c = json[at];
    if (c === "{") open.push(new Set());
    else if (c === "}") open.pop();
    else if (c === '"') {
      const start = at;
      for (at++; json[at] !== '"'; at++) if (json[at] === "\\") at++;
      let next = at + 1;
      while (/\s/.test(json[next] ?? "")) next++;
      if (json[next] !== ":") continue;
      const key: string = JSON.parse(json.slice(start, at + 1));
      if (open.at(-1)?.has(key)) return key;
      open.at(-1)?.add(key);
    }
  }
  return undefined;
}

function checkMetadata(entry: unknown, bad: Bad): Record<string, string> {
  const legal = isObject(entry) && Object.values(entry).every((value) => typeof value === "string");
  if (!legal) throw bad("__metadata__ to map strings to strings", JSON.stringify(entry).slice(0, 80));
  return entry as Record<string, string>;
}

function checkEntry(name: string, entry: unknown, source: ByteSource, data: number, bad: Bad): TensorInfo {
  if (!isObject(entry))
    throw bad(`'${name}' to be described by an object`, JSON.stringify(entry).slice(0, 80));
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  if (typeof dtype !== "string" || !Object.hasOwn(STORED_BYTES, dtype))
    throw bad(
      `'${name}' to be one of ${Object.keys(STORED_BYTES).join(", ")}`,
      `dtype ${JSON.stringify(dtype)}`,
    );
  if (!isCounts(shape)) throw bad(`'${name}' to have a shape of whole numbers ≥ 0`, JSON.stringify(shape));
  const bytes = shape.reduce((product, n) => product * n, STORED_BYTES[dtype as StoredDType]);
  if (!Number.isSafeInteger(bytes)) throw bad(`'${name}' to have fewer than 2^53 bytes`, `shape [${shape}]`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    throw bad(`'${name}' to have data_offsets [begin, end] with begin ≤ end`, JSON.stringify(offsets));
  const [begin, end] = [data + offsets[0]!, data + offsets[1]!];
  if (end > source.size)
    throw bad(
      `'${name}' to end within the file`,
      `end ${end} of ${source.size} bytes; the file is cut short`,
    );
  if (end - begin !== bytes)
    throw bad(`'${name}' (${dtype} [${shape.join(", ")}]) to take ${bytes} bytes`, `${end - begin}`);
  return { name, dtype: dtype as StoredDType, shape, source, begin, end };
}

/** Each tensor must begin where the one before it ends, the last at the end of the file. */
function checkCover(tensors: readonly TensorInfo[], data: number, size: number, bad: Bad): void {
  let covered = data;
  let before = "the header";
  for (const { name, begin, end } of tensors) {
    if (begin < covered) throw bad("tensors that do not overlap", `'${name}' inside ${before}`);
    if (begin > covered)
      throw bad("no hole between tensors", `${begin - covered} bytes between ${before} and '${name}'`);
    covered = end;
    before = `'${name}'`;
  }
  if (covered < size) throw bad(`the file to end with ${before}`, `${size - covered} more bytes`);
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

export interface StoredTensor {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
}

/**
 * The header of a file that holds `tensors`, and the order in which their bytes follow: wide element types first, so
 * that each tensor is aligned to its element, then by name. The same tensors always give the same bytes.
 */
export function encodeHeader<T extends StoredTensor>(
  tensors: readonly T[],
  metadata: Record<string, string> = {},
): { bytes: Uint8Array<ArrayBuffer>; order: T[] } {
  const order = [...tensors].sort(
    (a, b) => STORED_BYTES[b.dtype] - STORED_BYTES[a.dtype] || (a.name < b.name ? -1 : 1),
  );
  const entries: [string, unknown][] = [];
  const keys = Object.keys(metadata).sort();
  if (keys.length)
    entries.push(["__metadata__", Object.fromEntries(keys.map((key) => [key, metadata[key]]))]);
  const seen = new Set(["__metadata__"]);
  let end = 0;
  for (const { name, dtype, shape } of order) {
    if (seen.has(name))
      throw new SafetensorsError(
        `safetensors: expected distinct tensor names, got '${name}' twice or reserved`,
      );
    seen.add(name);
    const begin = end;
    end += shape.reduce((product, n) => product * n, STORED_BYTES[dtype]);
    entries.push([name, { dtype, shape, data_offsets: [begin, end] }]);
  }
  // Object.fromEntries would put names that look like numbers first, hence the text by hand.
  const text = `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
  const json = new TextEncoder().encode(text);
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return { bytes, order };
}

/** A whole small file (masks, fixtures): header padded to 8 bytes, tensors in encodeHeader's order. */
export function encodeSafetensors(
  tensors: readonly (StoredTensor & { readonly bytes: Uint8Array })[],
  metadata: Record<string, string> = {},
): Uint8Array<ArrayBuffer> {
  const { bytes: header, order } = encodeHeader(tensors, metadata);
  const file = new Uint8Array(tensors.reduce((sum, { bytes }) => sum + bytes.length, header.length));
  file.set(header);
  let at = header.length;
  for (const { name, dtype, shape, bytes } of order) {
    const expected = shape.reduce((product, n) => product * n, STORED_BYTES[dtype]);
    if (bytes.length !== expected)
      throw new SafetensorsError(
        `safetensors: '${name}': expected ${expected} bytes for ${dtype} [${shape}], got ${bytes.length}`,
      );
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}
