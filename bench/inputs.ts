import { BYTES, count, type DType, type Gpu, type Tensor } from "../src/gpu/index.ts";

export const PERIOD = 16_381; // a prime: no row of a matrix repeats the one before it
const MOST = PERIOD * 256; // elements of one write

/** A tensor whose every element the host knows without holding them all. */
export interface Input {
  readonly tensor: Tensor;
  /** Element i. */
  at(i: number): number;
}

/** The device has no room for a shape; benches of smaller ones go on. */
export class TooLarge extends Error {
  override name = "TooLarge";
}

/** Numbers n/64 between −1 and 1, times `scale`, a power of two from 2⁻⁸ on: every storage type holds them exactly. */
export function input(
  gpu: Gpu,
  label: string,
  shape: readonly number[],
  dtype: DType,
  seed: number,
  scale = 1,
): Input {
  const bytes = count(shape) * BYTES[dtype];
  if (bytes > gpu.limits.bufferBytes) {
    throw new TooLarge(
      `${label} needs a buffer of ${bytes} bytes, this device allows ${gpu.limits.bufferBytes}`,
    );
  }
  const period = numbers(seed).map((value) => value * scale);
  const tensor = gpu.tensor(label, shape, dtype);
  const chunk = stored(period, dtype, Math.min(count(shape) + 1, MOST));
  for (let from = 0; from < bytes; from += chunk.length)
    gpu.write(tensor, chunk.subarray(0, Math.min(chunk.length, Math.ceil((bytes - from) / 4) * 4)), from);
  return { tensor, at: (i) => period[i % PERIOD]! };
}

function numbers(seed: number): Float32Array {
  let state = Math.imul(seed, 0x9e3779b9) | 1;
  return Float32Array.from({ length: PERIOD }, () => {
    state ^= state << 13; // xorshift32, George Marsaglia 2003
    state ^= state >>> 17;
    state ^= state << 5;
    return (((state >>> 0) % 129) - 64) / 64;
  });
}

/** The period again and again, an even number of elements, as bytes. */
function stored(period: Float32Array, dtype: DType, elements: number): Uint8Array {
  const once = dtype === "f32" ? period : halves(period, dtype);
  const all = new (dtype === "f32" ? Float32Array : Uint16Array)(elements - (elements % 2));
  for (let at = 0; at < all.length; at += PERIOD) all.set(once.subarray(0, all.length - at), at);
  return new Uint8Array(all.buffer);
}

/** As f16 or bf16: both keep the sign and the upper bits of the fraction, f16 with another bias of the exponent. */
function halves(values: Float32Array, dtype: DType): Uint16Array {
  const half = (word: number) =>
    word === 0
      ? 0
      : ((word >>> 16) & 0x8000) | ((((word >>> 23) & 0xff) - 112) << 10) | ((word >>> 13) & 0x3ff);
  return Uint16Array.from(new Uint32Array(values.buffer), dtype === "f16" ? half : (word) => word >>> 16);
}
