import { readGolden } from "../fixtures-reader.ts";
import { type Nd, nd, row } from "../reference/array.ts";
import { expectClose } from "../reference/compare.ts";

/** The tensors of a golden file, by name. */
export class Goldens {
  readonly #tensors: ReturnType<typeof readGolden>;

  /** @param folder of test/fixtures */
  constructor(readonly folder: string) {
    this.#tensors = readGolden(new URL(`../fixtures/${folder}/golden.safetensors`, import.meta.url));
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  get(name: string): Nd {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`${this.folder}: expected a golden '${name}', got none`);
    return nd(tensor.shape, tensor.data);
  }

  f32(name: string): Float32Array {
    return Float32Array.from(this.get(name).data);
  }

  ints(name: string): number[] {
    return [...this.get(name).data];
  }
}

/** Fails unless every value is within `relative` of the golden, relative to its largest one. */
export function expectGolden(what: string, got: Nd, want: Nd, relative = 1e-4): void {
  const largest = want.data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  expectClose(what, got, want, relative * largest);
}

/** The rows that `keep` picks of an array's last two dimensions, one after the other: [kept, width]. */
export function pick(a: Nd, keep: (item: number, position: number) => boolean): Nd {
  const [positions, width] = a.shape.slice(-2) as [number, number];
  const matrix = nd([a.data.length / width, width], a.data);
  const kept = Array.from({ length: matrix.shape[0]! }, (_, i) => i).filter((i) =>
    keep(Math.floor(i / positions), i % positions),
  );
  return nd(
    [kept.length, width],
    kept.flatMap((i) => [...row(matrix, i)]),
  );
}

/** [C, T] → [T, C] */
export function transpose(a: Nd): Nd {
  const [rows, columns] = a.shape as [number, number];
  return nd(
    [columns, rows],
    Array.from(a.data, (_, i) => a.data[(i % rows) * columns + Math.floor(i / rows)]!),
  );
}
