import { type Bound, BYTES, type Gpu, GpuError, type Tensor } from "../gpu/index.ts";

const MOST_GROUPS = 65_535; // workgroups in a dimension, by WebGPU's default limits

/** Rows `from` … `to` − 1, as many as one binding holds. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** Bytes of one row of a tensor. */
export const rowBytes = (t: Tensor): number => t.width * BYTES[t.dtype];

/**
 * Cuts `rows` so that each piece fits a binding for every given row size and begins at a multiple of 256 bytes
 * (the alignment that WebGPU guarantees). One window, unless a tensor is larger than a binding.
 *
 * @throws GpuError when too few rows fit a binding to keep the alignment.
 */
export const windows = (gpu: Gpu, op: string, rows: number, ...bytes: number[]): Window[] =>
  cut(gpu, op, rows, bytes, rows);

/** The same for kernels with a workgroup a row in one dimension of the grid: at most 65535 rows a window. */
export const rowGroups = (gpu: Gpu, op: string, rows: number, ...bytes: number[]): Window[] =>
  cut(gpu, op, rows, bytes, MOST_GROUPS);

/** The same with at most `most` rows a window. */
export const slices = (gpu: Gpu, op: string, rows: number, most: number, ...bytes: number[]): Window[] =>
  cut(gpu, op, rows, bytes, most);

function cut(gpu: Gpu, op: string, rows: number, bytes: readonly number[], most: number): Window[] {
  const limit = gpu.limits.bindingBytes;
  const widest = Math.max(...bytes);
  if (rows * widest <= limit - 16 && rows <= most) return [{ from: 0, to: rows }];
  const step = bytes.reduce((n, b) => lcm(n, 256 / gcd(256, b)), 1);
  const size = Math.floor(Math.min((limit - 16) / widest, most) / step) * step;
  if (size === 0) {
    throw new GpuError(
      `${op}: expected ${step} rows, which end on a multiple of 256 bytes, to fit a binding of ${limit} bytes, ` +
        `got rows of ${widest} bytes; use a device with larger bindings`,
    );
  }
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) => ({
    from: i * size,
    to: Math.min(rows, (i + 1) * size),
  }));
}

/** The given rows of a tensor as a binding. */
export function bindRows(t: Tensor, { from, to }: Window): Bound {
  if (from === 0 && to === t.rows) return t;
  return { tensor: t, offset: from * rowBytes(t), size: (to - from) * rowBytes(t) };
}

/** A window's rows, counted from the first row of another window that holds it. */
export const within = (outer: Window, inner: Window): Window => ({
  from: outer.from + inner.from,
  to: outer.from + inner.to,
});

/** All rows of a tensor. */
export const allRows = (t: Tensor): Window => ({ from: 0, to: t.rows });

/** The given elements of a vector of 4-byte numbers as a binding. */
export function bindItems(t: Tensor, { from, to }: Window): Bound {
  return from === 0 && to === t.length ? t : { tensor: t, offset: from * 4, size: (to - from) * 4 };
}

/** Threads of a workgroup that reduces one row: few on a CPU, where barriers are dear. */
export const rowThreads = (gpu: Gpu, width: number): number => (gpu.software ? 8 : width > 1024 ? 256 : 64);

/** Folds n workgroups into two dimensions, each within WebGPU's 65535. */
export function fold(n: number): [number, number] {
  const y = Math.ceil(n / MOST_GROUPS);
  return [Math.ceil(n / y), y];
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
const lcm = (a: number, b: number): number => (a / gcd(a, b)) * b;
