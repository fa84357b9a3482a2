/**
 * Views with strides (a transposed weight, a slice of columns, an expanded bias) as the bytes they would have row by row:
 * what is asked for is gathered from pieces of the storage, so that neither is ever in memory as a whole.
 */
import { type ByteSource, readTarget } from "./source.ts";

/** A dimension: its indices, and the bytes from one to the next in the storage and in what is read. */
interface Dim {
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

/** Bytes that are apart by regular steps; `from` and `to` are where the first one lies. */
interface Box {
  readonly from: number;
  readonly to: number;
  readonly dims: readonly Dim[];
}

/** The most bytes read at once, and those that are not worth a read of their own: a read takes as long as 64 KiB of it. */
const CHUNK = 4 * 1024 * 1024;
const NEAR = 65_536;

/** Up to CHUNK, gaps are read with the rest while at least a 32nd is wanted: over HTTP a request costs more than a gap. */
const SPARSE = 32;

/**
 * @param offset elements of the storage before the view's first
 * @param strides elements of the storage from one index to the next, by dimension
 * @param elementBytes
 * @returns a source of as many bytes as the view's elements take; it reads `storage` and does not close it
 */
export function stridedSource(
  storage: ByteSource,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  elementBytes: number,
): ByteSource {
  // An element is one more dimension, of bytes; so a range of bytes needs no whole elements.
  const counts = [...shape, elementBytes];
  const steps = [...strides.map((stride) => stride * elementBytes), 1];
  const source = { name: storage.name, size: product(counts) };
  return {
    ...source,
    async read(at, length, options) {
      const target = readTarget(source, at, length, options);
      const scratch = new Uint8Array(Math.min(CHUNK, storage.size));
      for (const box of boxes(counts, steps, at, at + length, offset * elementBytes, 0))
        await gather(box, storage, target, scratch, options?.signal);
      return target;
    },
    async close() {},
  };
}

const product = (counts: readonly number[]) => counts.reduce((size, count) => size * count, 1);

/**
 * Boxes that hold bytes `begin` to `end` in row order; rows are taken whole when there is a whole one among them.
 * @param from of the first index in the storage
 * @param to of byte `begin` in what is read
 */
function* boxes(
  [, ...counts]: readonly number[],
  [step = 0, ...steps]: readonly number[],
  begin: number,
  end: number,
  from: number,
  to: number,
): Generator<Box> {
  if (begin === end) return;
  const row = product(counts);
  const [first, last] = [Math.ceil(begin / row), Math.floor(end / row)]; // whole rows
  if (first < last) {
    const [above, below] = [Math.floor(begin / row), Math.ceil(end / row)];
    const inner = counts.map((count, i) => ({ count, from: steps[i]!, to: product(counts.slice(i + 1)) }));
    const dims = [{ count: below - above, from: step, to: row }, ...inner];
    yield { from: from + above * step, to: to + above * row - begin, dims };
    return;
  }
  const part = (index: number, a: number, b: number) =>
    boxes(counts, steps, a - index * row, b - index * row, from + index * step, to + a - begin);
  const cut = Math.min(first * row, end);
  yield* part(first - 1, begin, cut);
  yield* part(first, cut, end);
}

/** Reads a box at once when it is small and full enough, else by halves of its longest dimension. */
async function gather(
  box: Box,
  storage: ByteSource,
  target: Uint8Array,
  scratch: Uint8Array<ArrayBuffer>,
  signal?: AbortSignal,
): Promise<void> {
  const span = box.dims.reduce((bytes, { count, from }) => bytes + (count - 1) * from, 1);
  const wanted = product(box.dims.map(({ count, from }) => (from > 0 ? count : 1)));
  if (span <= Math.min(CHUNK, Math.max(NEAR, SPARSE * wanted))) {
    const bytes = await storage.read(box.from, span, { into: scratch, signal });
    scatter(bytes, 0, target, box.to, box.dims, 0);
    return;
  }
  for (const half of halves(box)) await gather(half, storage, target, scratch, signal);
}

function halves({ from, to, dims }: Box): [Box, Box] {
  const extents = dims.map((dim) => (dim.count - 1) * dim.from);
  const longest = extents.indexOf(Math.max(...extents));
  const { count, ...steps } = dims[longest]!;
  const half = Math.ceil(count / 2);
  const part = (first: number, n: number): Box => ({
    from: from + first * steps.from,
    to: to + first * steps.to,
    dims: dims.with(longest, { count: n, ...steps }),
  });
  return [part(0, half), part(half, count - half)];
}

/** Copies what there is of a box in `target`; its innermost dimension is the bytes of an element. */
function scatter(
  bytes: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
  dims: readonly Dim[],
  depth: number,
): void {
  const dim = dims[depth]!;
  if (depth < dims.length - 1)
    for (let i = 0; i < dim.count; i++)
      scatter(bytes, from + i * dim.from, target, to + i * dim.to, dims, depth + 1);
  else
    for (let i = 0; i < dim.count; i++)
      if (to + i >= 0 && to + i < target.length) target[to + i] = bytes[from + i]!;
}
