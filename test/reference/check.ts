import type { Test } from "uvu";
import { BYTES, type DType, type Gpu, openGpu, type Scalar, type Tensor } from "../../src/gpu/index.ts";
import type { StoredDType } from "../../src/io/safetensors.ts";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16, toF32 } from "../../src/io/values.ts";
import { EagerOps, type Ops } from "../../src/kernels/index.ts";
import { type Nd, nd } from "./array.ts";
import { expectClose } from "./compare.ts";

/**
 * The device that a file's tests share, disposed after them. Where a CPU plays the GPU, the same device follows once
 * more as if it were a GPU: kernels choose other shapes there, and both are to be tested.
 */
export async function openGpus(test: Test): Promise<readonly [Gpu, ...Gpu[]]> {
  const gpu = await openGpu();
  test.after(() => gpu.dispose());
  if (!gpu.software) return [gpu];
  const twin = await openGpu({ device: gpu.device });
  Object.defineProperty(twin, "software", { value: false });
  return [gpu, twin];
}

/** An input: normal numbers of a shape, times `scale` (default 1), or exactly these values. */
export type Spec =
  | readonly number[]
  | { shape: readonly number[]; dtype?: DType; scale?: number; values?: ArrayLike<number> };

export type Specs<K extends string> = Readonly<Record<K, Spec>>;
type Run<K extends string, R extends string> = (ops: EagerOps, t: Record<K, Tensor>) => Record<R, Tensor>;
type Reference<K extends string, R extends string> = (a: Record<K, Nd>) => Record<R, Nd>;

/** A weight [N, K] of a storage type, scaled so that its products with normal numbers are of size 1. */
export const weight = (n: number, k: number, dtype: DType = "f32"): Spec => ({
  shape: [n, k],
  dtype,
  scale: 1 / Math.sqrt(k),
});

/** A vector of integers, or a matrix of the given shape. */
export const u32 = (values: readonly number[], shape: readonly number[] = [values.length]): Spec => ({
  shape,
  dtype: "u32",
  values,
});

/** What kernels may compute in on this device. */
export const scalars = (gpu: Gpu): Scalar[] => (gpu.features.has("shader-f16") ? ["f32", "f16"] : ["f32"]);

/**
 * Runs an op on the GPU and its reference in f64 on the same inputs (rounded to what is stored), and compares every
 * result: each within `atol`, which suits results of size 1.
 */
export async function checkOp<K extends string, R extends string>(
  gpus: readonly Gpu[],
  op: string,
  inputs: Specs<K>,
  run: Run<K, R>,
  reference: Reference<K, R>,
  { atol = 1e-5, scalar = "f32" as Scalar } = {},
): Promise<void> {
  const want = reference(fill(inputs));
  for (const gpu of gpus) {
    const got = await runOp(gpu, inputs, run, scalar);
    const shapes = gpu.software ? " (in the shapes for a CPU)" : "";
    for (const name of Object.keys(want) as R[])
      expectClose(`${op}${shapes} ${name}`, got[name], want[name], atol);
  }
}

/**
 * The results of an op on the inputs that `checkOp` would make. Every buffer holds NaN where nothing was written, its
 * padding included: what a kernel reads but should not, and what it should write but does not, shows.
 */
export async function runOp<K extends string, R extends string>(
  gpu: Gpu,
  inputs: Specs<K>,
  run: Run<K, R>,
  scalar: Scalar = "f32",
): Promise<Record<R, Nd>> {
  using ops = new PoisonedOps(gpu, "check", scalar);
  const values = Object.entries<Nd>(fill(inputs)) as [K, Nd][];
  const tensors = mapValues(values, (v, k) => store(ops, k, v, dtypeOf(inputs[k])));
  const results = Object.entries<Tensor>(run(ops, tensors)) as [R, Tensor][];
  ops.submit();
  const bytes = await Promise.all(results.map(([, t]) => gpu.read(t)));
  return mapValues(results, (t, _, i) => nd(t.shape, numbers(t.dtype, bytes[i]!)));
}

/** The numbers that a tensor's bytes are. */
const numbers = (dtype: DType, bytes: ArrayBuffer): Float32Array | Uint32Array =>
  dtype === "u32" ? new Uint32Array(bytes) : toF32(new Uint8Array(bytes), dtype.toUpperCase() as StoredDType);

class PoisonedOps extends EagerOps {
  override tensor(label: string, shape: readonly number[], dtype: DType = "f32"): Tensor {
    const tensor = super.tensor(label, shape, dtype);
    this.gpu.device.queue.writeBuffer(tensor.buffer, 0, new Uint32Array(tensor.buffer.size / 4).fill(NAN));
    return tensor;
  }
}

const NAN = 0x7fff7fff; // as f32, and as two f16 or two bf16

/** The values of each input as stored, the same on every call. */
export function fill<K extends string>(inputs: Specs<K>): Record<K, Nd> {
  return mapValues(Object.entries<Spec>(inputs) as [K, Spec][], (spec, _, seed) => {
    const { shape, scale = 1, values } = "shape" in spec ? spec : { shape: spec };
    const drawn = nd(
      shape,
      values ??
        normals(
          shape.reduce((n, d) => n * d, 1),
          seed + 1,
        ),
    );
    return nd(
      shape,
      drawn.data.map((v) => rounded(values ? v : v * scale, dtypeOf(spec))),
    );
  });
}

/** A tensor of the given values in their storage type. */
export function store(
  ops: Pick<Ops, "gpu" | "tensor">,
  label: string,
  { shape, data }: Nd,
  dtype: DType,
): Tensor {
  const tensor = ops.tensor(label, shape, dtype);
  if (data.length === 0) return tensor;
  const words = new Uint8Array(Math.ceil(tensor.byteLength / 4) * 4).fill(0xff); // an odd 16-bit end is a NaN too
  const stored = {
    f32: Float32Array,
    u32: Uint32Array,
    i32: Int32Array,
    f16: Uint16Array,
    bf16: Uint16Array,
  };
  const encode = { f16: f32ToF16, bf16: f32ToBf16, f32: same, u32: same, i32: same }[dtype];
  new stored[dtype](words.buffer, 0, words.length / BYTES[dtype]).set(data.map(encode));
  ops.gpu.write(tensor, words);
  return tensor;
}

const same = (v: number) => v;

export function rounded(value: number, dtype: DType): number {
  if (dtype === "f16") return f16ToF32(f32ToF16(value));
  if (dtype === "bf16") return bf16ToF32(f32ToBf16(value));
  return dtype === "f32" ? Math.fround(value) : value;
}

export const dtypeOf = (spec: Spec): DType => ("shape" in spec ? spec.dtype : undefined) ?? "f32";

/** Normal numbers (Box and Muller) from a small generator (mulberry32), the same for the same seed. */
export function normals(count: number, seed: number): Float64Array {
  let state = seed * 0x9e3779b9;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float64Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return radius * Math.cos(2 * Math.PI * uniform());
  });
}

function mapValues<K extends string, A, B>(
  entries: [K, A][],
  f: (value: A, key: K, index: number) => B,
): Record<K, B> {
  return Object.fromEntries(entries.map(([k, v], i) => [k, f(v, k, i)])) as Record<K, B>;
}
