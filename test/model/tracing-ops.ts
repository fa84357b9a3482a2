import type { Gpu, Tensor } from "../../src/gpu/index.ts";
import { conv1d } from "../../src/kernels/conv1d.ts";
import { type Conv1d, EagerOps, type PosConv } from "../../src/kernels/index.ts";
import { posConv } from "../../src/kernels/pos-conv.ts";
import { type Nd, nd } from "../reference/array.ts";

type Traced = "block" | "conv1d" | "embed" | "rmsNorm" | "layerNorm" | "matmul" | "posConv";

/** Ops that also copy what blocks and some operations give, so that tests see a forward's stages without a hook in it. */
export class TracingOps extends EagerOps {
  readonly #copies: { op: Traced; tensor: Tensor }[] = [];

  constructor(gpu: Gpu) {
    super(gpu, "traced");
    const traced =
      <A extends unknown[]>(op: Traced, f: (...args: A) => Tensor) =>
      (...args: A) =>
        this.#keep(op, f(...args));
    this.embed = traced("embed", this.embed);
    this.rmsNorm = traced("rmsNorm", this.rmsNorm);
    this.layerNorm = traced("layerNorm", this.layerNorm);
    this.matmul = traced("matmul", this.matmul);
  }

  override conv1d = (x: Tensor, w: Tensor, y: Tensor, at: number, outputs: number, o: Conv1d) => {
    conv1d(this, x, w, y, at, outputs, o);
    this.#keep("conv1d", y);
  };

  override posConv = (x: Tensor, w: Tensor, y: Tensor, first: number, rows: number, o: PosConv) => {
    posConv(this, x, w, y, first, rows, o);
    this.#keep("posConv", y);
  };

  override block(f: () => Tensor, spent?: Tensor): Tensor {
    return this.#keep("block", super.block(f, spent));
  }

  /** What every call of `op` gave, in the order in which they ended; after `submit`. */
  async traced(op: Traced): Promise<Nd[]> {
    const copies = this.#copies.filter((copy) => copy.op === op);
    return Promise.all(copies.map(async ({ tensor }) => nd(tensor.shape, await this.gpu.readF32(tensor))));
  }

  override dispose(): void {
    for (const { tensor } of this.#copies.splice(0)) tensor.dispose();
    super.dispose();
  }

  #keep(op: Traced, result: Tensor): Tensor {
    const tensor = this.gpu.tensor(`traced ${op}`, result.shape); // of no block
    this.copyRows(result, 0, tensor, 0, result.rows);
    this.#copies.push({ op, tensor });
    return result;
  }
}
