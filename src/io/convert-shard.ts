/** A shard out of its sources' tensors, in slices: written, and read back. */
import { slices } from "./checkpoint.ts";
import { ConvertError, convertValues } from "./convert-values.ts";
import { STORED_BYTES } from "./safetensors.ts";
import type { PlacedTensor, Shard } from "./shards.ts";
import { type ByteSource, MAX_SLICE } from "./source.ts";
import type { Store } from "./store.ts";

/** What a pass over the shards takes along. */
export interface Pass {
  /** Of MAX_SLICE bytes, into which slices are read. */
  readonly buffer: Uint8Array<ArrayBuffer>;
  /** Hears of bytes of tensors that are done. */
  readonly onBytes: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Bytes of a slice that is converted: the copy is garbage afterwards, and garbage piles up for a while. */
const CONVERTED_SLICE = 2 * 1024 * 1024;

/**
 * Writes a shard, from where an earlier attempt left it. It has its name once it is whole and on the disk; then it is
 * not written again.
 *
 * @returns bytes of tensors that were there
 */
export async function writeShard(out: Store, shard: Shard, pass: Pass): Promise<number> {
  const { file, header, tensors, size } = shard;
  const part = `${file}.part`;
  const whole = (await sizeOf(out, file)) === size;
  const there = whole ? size : await sizeOf(out, part);
  const kept = Math.max(0, there - header.length);
  pass.onBytes(kept);
  if (whole) return kept;

  let at = there;
  if (at < header.length) {
    await out.append(part, header.subarray(at));
    at = header.length;
  }
  for (const tensor of tensors) {
    if (tensor.end <= at) continue;
    for await (const { begin, bytes } of converted(tensor, at, pass)) {
      await out.append(part, bytes.subarray(at - begin));
      pass.onBytes(begin + bytes.length - at);
      at = begin + bytes.length;
    }
  }
  await out.rename(part, file);
  return kept;
}

/** Bytes in a file; 0 when there is none. */
async function sizeOf(out: Store, path: string): Promise<number> {
  const source = await out.open(path);
  await source?.close();
  return source?.size ?? 0;
}

/**
 * Reads a shard back, and its sources once more, and compares. One that is wrong is deleted, so that the next attempt
 * writes it anew.
 *
 * @throws ConvertError
 */
export async function verifyShard(out: Store, shard: Shard, pass: Pass): Promise<void> {
  const { file } = shard;
  const source = await out.open(file);
  let wrong: string | undefined;
  try {
    wrong = source ? await firstWrong(source, shard, pass) : "all of it";
  } finally {
    await source?.close();
  }
  if (wrong === undefined) return;
  await out.remove(file);
  throw new ConvertError(
    `convert: expected ${out.name}/${file} to read as it was written, got other bytes in ${wrong}: the source changed, ` +
      "or the disk is bad; convert again, which writes this file anew",
  );
}

/** What of a file is not as planned, if anything. */
async function firstWrong(source: ByteSource, shard: Shard, pass: Pass): Promise<string | undefined> {
  if (!(await hasHeader(source, shard))) return "its header";
  const back = new Uint8Array(MAX_SLICE);
  for (const tensor of shard.tensors)
    for await (const { begin, bytes } of converted(tensor, tensor.begin, pass)) {
      if (!sameBytes(await source.read(begin, bytes.length, { into: back }), bytes))
        return `'${tensor.name}'`;
      pass.onBytes(bytes.length);
    }
  return undefined;
}

/** Whether a file is as long as the shard, and begins with its header. */
export async function hasHeader(source: ByteSource, { header, size }: Shard): Promise<boolean> {
  if (source.size !== size) return false;
  for (let at = 0; at < header.length; at += MAX_SLICE) {
    const expected = header.subarray(at, at + MAX_SLICE);
    if (!sameBytes(await source.read(at, expected.length), expected)) return false;
  }
  return true;
}

/** A tensor's bytes as the shard has them, from the element on in which `from` lies; places count from the file's start. */
async function* converted(
  { name, info, dtype, begin }: PlacedTensor,
  from: number,
  { buffer, signal }: Pass,
): AsyncGenerator<{ begin: number; bytes: Uint8Array<ArrayBuffer> }> {
  const [before, after] = [STORED_BYTES[info.dtype], STORED_BYTES[dtype]];
  const skipped = Math.max(0, Math.floor((from - begin) / after)); // elements
  const rest = { ...info, begin: info.begin + skipped * before };
  const limit = info.dtype === dtype ? MAX_SLICE : CONVERTED_SLICE;
  for await (const { offset, bytes } of slices(rest, { rowBytes: before, limit, into: () => buffer, signal }))
    yield {
      begin: begin + (skipped + offset / before) * after,
      bytes: convertValues(name, bytes, info.dtype, dtype),
    };
}

/** Four bytes at a time. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const count = a.length >> 2;
  const [left, right] = [words(a, count), words(b, count)];
  // No branch in the loop.
  let apart = 0;
  for (let i = 0; i < count; i++) apart |= left[i]! ^ right[i]!;
  for (let i = 4 * count; i < a.length; i++) apart |= a[i]! ^ b[i]!;
  return apart === 0;
}

function words(bytes: Uint8Array, count: number): Int32Array {
  const { buffer, byteOffset } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Int32Array(buffer, byteOffset, count);
}
