import type { Tensor } from "../gpu/index.ts";
import { add, type EagerOps } from "../kernels/index.ts";

/** The gradients found so far on the way back, and which tensors lead to what is learned at all. */
export class Gradients {
  readonly #wanted = new WeakSet<Tensor>();
  readonly #sums = new Map<Tensor, Tensor>();
  readonly #own = new WeakSet<Tensor>(); // sums that nothing else refers to

  constructor(readonly ops: EagerOps) {}

  /** Whether a gradient with respect to t is of any use: t is learned, or was made from what is. */
  wants(t: Tensor | undefined): t is Tensor {
    return t !== undefined && this.#wanted.has(t);
  }

  want(t: Tensor): void {
    this.#wanted.add(t);
  }

  of(t: Tensor): Tensor | undefined {
    return this.#sums.get(t);
  }

  /** The gradient of a result, which all its uses have given by now; several others may refer to it from now on. */
  take(t: Tensor): Tensor | undefined {
    const sum = this.#sums.get(t);
    if (sum) this.#own.delete(sum);
    this.#sums.delete(t);
    return sum;
  }

  /** Adds one use's gradient: fan-out is a sum. `f` is given what other uses gave so far, and makes the new sum. */
  fold(t: Tensor | undefined, f: (before: Tensor | undefined) => Tensor): void {
    if (this.wants(t)) this.#sums.set(t, f(this.#sums.get(t)));
  }

  /** Adds a gradient that is already there; `make` runs only if it is wanted. */
  add(t: Tensor | undefined, make: () => Tensor): void {
    this.fold(t, (before) => (before ? add(this.ops, before, make()) : make()));
  }

  /** The sum for t, zeros if there is none yet, for a kernel that adds to it. */
  inPlace(t: Tensor): Tensor {
    const before = this.#sums.get(t);
    if (before && this.#own.has(before)) return before;
    const sum = this.ops.zeros(`d ${t.label}`, t.shape);
    if (before) this.ops.copyRows(before, 0, sum, 0, before.rows);
    this.#own.add(sum);
    this.#sums.set(t, sum);
    return sum;
  }

  /** All sums that are still to be used. */
  live(): Set<Tensor> {
    return new Set(this.#sums.values());
  }
}
