/** Which tensor of a checkpoint goes where in safetensors files of a limited size, decided from the headers alone. */
import { convertedDType, type FloatDType } from "./convert-values.ts";
import { encodeHeader, STORED_BYTES, type StoredTensor, type TensorInfo } from "./safetensors.ts";

/** A tensor, as it will be written. */
export interface PlacedTensor extends StoredTensor {
  /** As it is now. */
  readonly info: TensorInfo;
  /** Where its bytes will lie, counted from the file's start. */
  readonly begin: number;
  readonly end: number;
}

/** A safetensors file to be. */
export interface Shard {
  /** `model.safetensors` when it is the only one, else `model-00001-of-0000N.safetensors`. */
  readonly file: string;
  readonly header: Uint8Array<ArrayBuffer>;
  /** In the order of their bytes, which cover all behind the header. */
  readonly tensors: readonly PlacedTensor[];
  /** Bytes. */
  readonly size: number;
}

/**
 * Fills one file after the other with tensors in the order of their names, so that the same tensors give the same
 * files, wherever they come from.
 *
 * @param limit bytes of tensors in a file; a larger tensor has a file of its own
 * @param metadata of every file
 */
export function planShards(
  tensors: Iterable<TensorInfo>,
  dtype: FloatDType | undefined,
  limit: number,
  metadata: Record<string, string>,
): Shard[] {
  const groups: (StoredTensor & { info: TensorInfo })[][] = [];
  let filled = Infinity;
  for (const info of [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const tensor = { name: info.name, dtype: convertedDType(info.dtype, dtype), shape: info.shape, info };
    if (filled + bytes(tensor) > limit) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)!.push(tensor);
    filled += bytes(tensor);
  }
  const digits = (n: number) => String(n).padStart(5, "0");
  return groups.map((group, i) => {
    const { bytes: header, order } = encodeHeader(group, metadata);
    let size = header.length;
    const placed = order.map((tensor) => {
      const begin = size;
      size += bytes(tensor);
      return { ...tensor, begin, end: size };
    });
    const suffix = groups.length > 1 ? `-${digits(i + 1)}-of-${digits(groups.length)}` : "";
    return { file: `model${suffix}.safetensors`, header, tensors: placed, size };
  });
}

const bytes = ({ dtype, shape }: StoredTensor) =>
  shape.reduce((product, n) => product * n, STORED_BYTES[dtype]);

/** `model.safetensors.index.json`, as transformers writes it: which shard has a tensor, and the bytes of all of them. */
export function shardIndex(shards: readonly Shard[]): string {
  const places = shards.flatMap(({ file, tensors }) => tensors.map(({ name }) => [name, file] as const));
  const total = shards.reduce((sum, { size, header }) => sum + size - header.length, 0);
  const index = {
    metadata: { total_size: total },
    weight_map: Object.fromEntries(places.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  return `${JSON.stringify(index, null, 2)}\n`;
}
