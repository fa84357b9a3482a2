/** Float tensors in another float type, a slice at a time: to the nearest value, ties to the even one, as torch's `to`. */
import { hasNaN } from "./nan.ts";
import type { StoredDType } from "./safetensors.ts";
import { roundToEven, toF32 } from "./values.ts";

/** What float weights are converted to. */
export type FloatDType = "f16" | "bf16" | "f32";

/** A conversion cannot begin or go on, or its result cannot be trusted. */
export class ConvertError extends Error {
  override name = "ConvertError";
}

const STORED = { f16: "F16", bf16: "BF16", f32: "F32" } as const;

const isFloat = (dtype: StoredDType) => ["F64", "F32", "F16", "BF16"].includes(dtype);

/** A tensor's element type when floats are converted to `to`; integers stay, and everything when it is undefined. */
export const convertedDType = (from: StoredDType, to: FloatDType | undefined): StoredDType =>
  to !== undefined && isFloat(from) ? STORED[to] : from;

/**
 * Elements of type `from` as type `to`, one of those that `convertedDType` gives; F64 by way of F32.
 *
 * @param name of their tensor, for messages
 * @returns the bytes themselves where the type stays
 * @throws ConvertError for NaN, and for a finite value that would become infinite
 */
export function convertValues(
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  from: StoredDType,
  to: StoredDType,
): Uint8Array<ArrayBuffer> {
  if (!isFloat(from)) return bytes;
  const numbers = (found: boolean) => {
    if (found) throw new ConvertError(`convert: '${name}': expected numbers, got NaN; get the files again`);
  };
  if (from === to && from !== "F64") {
    numbers(hasNaN(bytes, from === "F32" ? "f32" : from === "F16" ? "f16" : "bf16"));
    return bytes;
  }
  const values = toF32(bytes, from);
  numbers(hasNaN(bytesOf(values), "f32"));
  if (from === to) return bytes;
  const beyond = (value: number) => {
    const [most, remedy] = RANGE[to as keyof typeof RANGE];
    return new ConvertError(
      `convert: '${name}': expected values of at most ${most}, got ${value}; ${remedy}`,
    );
  };
  if (from === "F64") checkRange(bytes, values, beyond);
  if (to === "F16") return bytesOf(toF16(values, beyond));
  return bytesOf(to === "BF16" ? toBf16(values, beyond) : values);
}

const RANGE = {
  F16: ["65504 for f16", "convert to bf16"],
  BF16: ["3.3895e38 for bf16", "convert to f32, or keep the type"],
  F32: ["3.4028e38 for f32", "keep the type"],
} as const;

type Beyond = (value: number) => ConvertError;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/** F64 that are finite must be finite as f32. */
function checkRange(bytes: Uint8Array, values: Float32Array, beyond: Beyond): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]!) !== Infinity) continue;
    const value = view.getFloat64(8 * i, true);
    if (Number.isFinite(value)) throw beyond(value);
  }
}

const MAGNITUDE = 0x7fffffff; // an f32's bits without the sign
const INFINITE = 0x7f800000;
const LEAST_NORMAL_HALF = 0x38800000; // 2^-14 as f32
const REBIAS = (127 - 15) << 23; // from f32's exponent to f16's

/** The bits of the nearest halves; no value is NaN. */
function toF16(values: Float32Array, beyond: Beyond): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const magnitude = word & MAGNITUDE;
    let half = 0x7c00;
    if (magnitude < LEAST_NORMAL_HALF) half = roundToEven(Math.abs(values[i]!) * 2 ** 24);
    else if (magnitude < INFINITE) {
      // A fraction that rounds up carries into the exponent, as it should.
      half = (magnitude - REBIAS + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
      if (half >= 0x7c00) throw beyond(values[i]!);
    }
    halves[i] = ((word >>> 16) & 0x8000) | half;
  }
  return halves;
}

/** The bits of the nearest bfloat16s; no value is NaN. */
function toBf16(values: Float32Array, beyond: Beyond): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const half = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
    if ((half & 0x7fff) === 0x7f80 && (word & MAGNITUDE) !== INFINITE) throw beyond(values[i]!);
    halves[i] = half;
  }
  return halves;
}
