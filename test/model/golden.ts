import { readGolden } from "../fixtures-reader.ts";
import { type Nd, nd, row } from "../reference/array.ts";
import { expectClose } from "../reference/compare.ts";

/** The tensors of a golden file, by name. */
export class Goldens {
  readonly #tensors: ReturnType<typeof readGolden>;

  /** @param folder of test/fixtures */
  constructor(readonly folder: string) {
    this.#tensors = readGolden(`test/fixtures/${folder}/golden.safetensors`);
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

/** Mean cross-entropy of the labels, each predicted by the position before it; a label of −100 counts for nothing. */
export function lossOf(logits: Nd, labels: readonly (readonly number[])[]): number {
  const losses: number[] = [];
  let at = 0;
  for (const sequence of labels) {
    for (const [t, label] of sequence.entries()) {
      if (t > 0 && label !== -100) {
        const scores = row(logits, at + t - 1);
        const largest = Math.max(...scores);
        const lse = largest + Math.log(scores.reduce((sum, v) => sum + Math.exp(v - largest), 0));
        losses.push(lse - scores[label]!);
      }
    }
    at += sequence.length;
  }
  return losses.reduce((a, b) => a + b, 0) / losses.length;
}
