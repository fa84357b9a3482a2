/** The arrays of the f64 reference: row-major, one flat Float64Array and its shape. */
export interface Nd {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** An array of the given shape; without values, zeros. */
export function nd(shape: readonly number[], values?: ArrayLike<number>): Nd {
  const length = shape.reduce((n, d) => n * d, 1);
  if (values && values.length !== length) throw new Error(`nd: [${shape}] does not hold ${values.length}`);
  return { shape, data: values ? Float64Array.from(values) : new Float64Array(length) };
}

/** Elements of a row: the last dimension. */
export const width = (a: Nd): number => a.shape.at(-1) ?? 1;

/** Rows of a matrix: everything before the last dimension. */
export const rows = (a: Nd): number => a.data.length / width(a);

/** Row i, as a view. */
export const row = (a: Nd, i: number): Float64Array => a.data.subarray(i * width(a), (i + 1) * width(a));

/** A matrix whose rows are those of `a`, each mapped by f. */
export function mapRows(a: Nd, f: (row: Float64Array, i: number) => ArrayLike<number>): Nd {
  const mapped = Array.from({ length: rows(a) }, (_, i) => Array.from(f(row(a, i), i)));
  return nd([...a.shape.slice(0, -1), mapped[0]?.length ?? 0], mapped.flat());
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

export function sum(a: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]!;
  return total;
}
