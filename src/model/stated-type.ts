import type { DType } from "../gpu/index.ts";
import type { Fields } from "./fields.ts";

const TYPES: Readonly<Record<string, DType>> = { float32: "f32", float16: "f16", bfloat16: "bf16" };

/** The type that a config says its weights are stored in, by torch's names; f32, torch's default, where it says nothing. */
export function statedType(f: Fields): DType {
  const key = f.has("torch_dtype") ? "torch_dtype" : "dtype"; // the older name, and the newer
  return (f.has(key) && TYPES[f.text(key)]) || "f32";
}
