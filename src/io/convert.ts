/** A checkpoint in other files: safetensors in the Hugging Face layout, whatever it was before. */
import type { Checkpoint } from "./checkpoint.ts";
import { beginConversion, endConversion } from "./convert-job.ts";
import { type Pass, verifyShard, writeShard } from "./convert-shard.ts";
import { ConvertError, type FloatDType } from "./convert-values.ts";
import { planShards, type Shard, shardIndex } from "./shards.ts";
import { MAX_SLICE } from "./source.ts";
import type { Store } from "./store.ts";

export interface ConvertOptions {
  /** What F64, F32, F16 and BF16 become, to nearest even (F64 by way of F32); by default all stays as it is. */
  readonly dtype?: FloatDType;
  /** Bytes of tensors in a file; a larger tensor has a file of its own. */
  readonly shardBytes?: number;
  /** Small files to stand beside the weights, by name; written in this order when every tensor is verified. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** Bytes of tensors that are written, those of an earlier attempt among them; then those that are verified. */
  readonly onProgress?: (phase: "write" | "verify", bytes: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface Converted {
  /** The names of all files. */
  readonly files: readonly string[];
  readonly tensors: number;
  /** Of all tensors. */
  readonly bytes: number;
  /** Bytes that an earlier attempt had written. */
  readonly kept: number;
  /** Tensors, all or none, that were read back and compared: none when all was finished before. */
  readonly verified: number;
}

const SHARD = 2_000_000_000;

/**
 * Writes a checkpoint as `model.safetensors`, or as shards with an index; then reads it back and compares every tensor
 * with its source, which is read once more. Tensors pass in slices. Interrupted at any moment, the same call goes on
 * where it stopped, and comes to the same files byte for byte. The index and `files` are written when every tensor is
 * verified; a model's config.json, given last, tells that all is there.
 *
 * @param out empty, or with what an earlier call with the same checkpoint, type and shard size left
 * @throws ConvertError when `out` holds something else, for NaN, for values that become infinite, and when what is read
 *   back is not what was written; SourceError when reading or writing fails; the signal's reason on abort
 */
export async function convertCheckpoint(
  checkpoint: Checkpoint,
  out: Store,
  { dtype, shardBytes = SHARD, files = new Map(), onProgress, signal }: ConvertOptions = {},
): Promise<Converted> {
  if (!(shardBytes > 0))
    throw new ConvertError(`convert: expected shardBytes to be a number above 0, got ${shardBytes}`);
  const fingerprint = await checkpoint.fingerprint();
  const tensors = [...checkpoint.tensors.values()];
  if (tensors.length === 0)
    throw new ConvertError(`convert: expected tensors in ${checkpoint.name}, got none; choose another file`);
  // Without a format, transformers refuses a file.
  const shards = planShards(tensors, dtype, shardBytes, { format: "pt", source: fingerprint });
  const small = new Map([...indexOf(shards), ...files]);
  const bytes = shards.reduce((sum, { size, header }) => sum + size - header.length, 0);
  const result = {
    files: [...shards.map(({ file }) => file), ...small.keys()],
    tensors: tensors.length,
    bytes,
  };
  const job = { fingerprint, dtype: dtype ?? null, shardBytes };
  if (await beginConversion(out, job, shards, [...small.keys()]))
    return { ...result, kept: bytes, verified: 0 };

  const buffer = new Uint8Array(MAX_SLICE);
  const pass = (phase: "write" | "verify"): Pass => {
    let done = 0;
    const onBytes = (more: number) => {
      done += more;
      onProgress?.(phase, done, bytes);
    };
    return { buffer, onBytes, signal };
  };
  const [writing, verifying] = [pass("write"), pass("verify")];
  let kept = 0;
  for (const shard of shards) kept += await writeShard(out, shard, writing);
  for (const shard of shards) await verifyShard(out, shard, verifying);
  for (const [name, content] of small) await out.write(name, content);
  await endConversion(out);
  return { ...result, kept, verified: tensors.length };
}

function indexOf(shards: readonly Shard[]): [string, Uint8Array][] {
  return shards.length > 1
    ? [["model.safetensors.index.json", new TextEncoder().encode(shardIndex(shards))]]
    : [];
}
