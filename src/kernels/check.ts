import { GpuError, type Tensor } from "../gpu/index.ts";

/** Throws `op: expected …, got …` unless `ok`. */
export function expect(ok: boolean, op: string, expected: string, got: unknown): asserts ok {
  if (!ok) throw new GpuError(`${op}: expected ${expected}, got ${got}`);
}

/** Throws unless the tensor is a matrix of f32 with rows of `width`. */
export function expectRows(op: string, name: string, t: Tensor, width: number): void {
  expect(t.dtype === "f32" && t.width === width, op, `${name} f32 with rows of ${width}`, t);
}

/** Throws unless the tensor is f32 with `length` elements. */
export function expectVector(op: string, name: string, t: Tensor, length: number): void {
  expect(t.dtype === "f32" && t.length === length, op, `${name} f32 of ${length}`, t);
}

/** The shaders' number for how a weight is stored. */
export function weightType(op: string, w: Tensor): number {
  const type = ["f32", "f16", "bf16"].indexOf(w.dtype);
  expect(type >= 0, op, "weights of f32, f16 or bf16", w);
  return type;
}

/** Throws unless the tensor is f32 of the shape of `like`. */
export function expectSame(op: string, name: string, t: Tensor, like: Tensor): void {
  const ok = t.dtype === "f32" && `${t.shape}` === `${like.shape}`;
  expect(ok, op, `${name} f32 [${like.shape.join(", ")}]`, t);
}
