/** Finds NaN by bit tests, a word at a time: fast enough to look at every weight while it passes. */
import type { DType } from "../gpu/tensor.ts";

/** Infinity's bits without the sign: in each float type NaN is whatever lies above them. */
const INFINITY = { f32: 0x7f800000, f16: 0x7c00, bf16: 0x7f80 };

/** Whether some element is NaN. `bytes` are whole elements. */
export function hasNaN(bytes: Uint8Array, dtype: DType): boolean {
  if (dtype === "u32" || dtype === "i32") return false;
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Int32Array(buffer, byteOffset, length >> 2);
  const infinity = INFINITY[dtype];
  // A difference below 0 sets the sign bit of `found`: no branch in the loop.
  let found = 0;
  if (dtype === "f32") {
    for (let i = 0; i < words.length; i++) found |= infinity - (words[i]! & 0x7fffffff);
  } else {
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!;
      found |= (infinity - (word & 0x7fff)) | (infinity - ((word >>> 16) & 0x7fff));
    }
    if (length % 4) found |= infinity - (new Uint16Array(buffer, byteOffset + length - 2, 1)[0]! & 0x7fff);
  }
  return found < 0;
}
