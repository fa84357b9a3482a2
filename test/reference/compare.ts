import * as assert from "uvu/assert";
import type { Nd } from "./array.ts";

/**
 * Fails unless every |got − want| ≤ atol (a NaN never is), and says where and by how much:
 * `matmul y: 3/4096 off, worst [1,7] got 0.412 want 0.407 (atol 1e-4)`.
 */
export function expectClose(what: string, got: Nd, want: Nd, atol: number): void {
  assert.is(`[${got.shape}]`, `[${want.shape}]`, `${what}: shape`);
  let off = 0;
  let worst = 0;
  let most = -1;
  got.data.forEach((value, i) => {
    const error = errorOf(value, want.data[i]!);
    if (error <= atol) return;
    off++;
    if (error > most) [worst, most] = [i, error];
  });
  if (off === 0) return;
  assert.unreachable(
    `${what}: ${off}/${got.data.length} off, worst [${indices(got.shape, worst)}] ` +
      `got ${short(got.data[worst]!)} want ${short(want.data[worst]!)} (atol ${exponent(atol)})`,
  );
}

/** The message of the error of this type that `promise` rejects with; fails when it does not match, or there is none. */
export async function expectRejects(
  promise: Promise<unknown>,
  type: abstract new (...args: never[]) => Error,
  message: RegExp,
): Promise<string> {
  const error = await promise.then(
    () => assert.unreachable(`expected ${type.name} ${message}, got no error`),
    (thrown: unknown) => thrown,
  );
  assert.instance(error, type);
  const { message: got } = error as Error;
  assert.match(got, message);
  return got;
}

/** |got − want|; 0 for equal infinities, infinity where either is NaN. */
function errorOf(got: number, want: number): number {
  if (got === want) return 0;
  const error = Math.abs(got - want);
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

/** The indices of a flat position in a row-major array. */
function indices(shape: readonly number[], flat: number): number[] {
  return shape.map((d, i) => Math.floor(flat / shape.slice(i + 1).reduce((n, m) => n * m, 1)) % d);
}

const short = (v: number): string => String(Number(v.toPrecision(7)));
const exponent = (v: number): string => v.toExponential().replace("e+0", "");
