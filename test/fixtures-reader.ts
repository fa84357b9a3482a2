import { readBytes } from "#fixtures";

export interface Golden {
  readonly shape: number[];
  readonly data: Float32Array | Int32Array;
}

/** The tensors of a safetensors file of this repository that holds F32 and I32 only, by name. */
export function readGolden(path: string): Map<string, Golden> {
  const file = readBytes(path);
  const headerEnd = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, headerEnd)));
  const golden = new Map<string, Golden>();
  for (const [name, entry] of Object.entries<{ dtype: string; shape: number[]; data_offsets: number[] }>(
    header,
  )) {
    if (name === "__metadata__") continue;
    const [begin, end] = entry.data_offsets;
    const bytes = Uint8Array.from(file.subarray(headerEnd + begin!, headerEnd + end!)); // a copy is aligned
    if (entry.dtype !== "F32" && entry.dtype !== "I32") {
      throw new Error(`${path}: ${name}: expected F32 or I32, got ${entry.dtype}`);
    }
    const data = entry.dtype === "F32" ? new Float32Array(bytes.buffer) : new Int32Array(bytes.buffer);
    golden.set(name, { shape: entry.shape, data });
  }
  return golden;
}
