import { Arena, type DType, type Gpu, Recorder, type Scalar, Tensor } from "../gpu/index.ts";
import { add } from "./add.ts";
import { type Attention, attention, attentionTiles, type Segment } from "./attention.ts";
import { type AttentionDecode, attentionDecode } from "./attention-decode.ts";
import { avgPool } from "./avg-pool.ts";
import { concatChannels } from "./concat-channels.ts";
import type { Context } from "./context.ts";
import { type Conv1d, conv1d } from "./conv1d.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { embed } from "./embed.ts";
import type { Epilogue } from "./epilogue.ts";
import { gelu } from "./gelu.ts";
import { layerNorm, type Residual } from "./layer-norm.ts";
import { matmul } from "./matmul.ts";
import { type PosConv, posConv } from "./pos-conv.ts";
import { type RelativeBias, relativeBias } from "./relative-bias.ts";
import { rmsNorm } from "./rms-norm.ts";
import { type Rope, rope } from "./rope.ts";
import { swiglu } from "./swiglu.ts";
import { argmax, type TopK, topK } from "./top-k.ts";

/**
 * What a model's forward is written against. Each method is the kernel function of the same name, whose file has the
 * whole story; tensors are f32 unless said otherwise. Shapes that do not fit throw a GpuError. Results live until the
 * enclosing `block` ends.
 */
export interface Ops {
  readonly gpu: Gpu;
  /** table [V, C] f32, f16 or bf16, ids [T] u32 → [T, C] */
  embed(table: Tensor, ids: Tensor): Tensor;
  /** x [M, K], w [N, K] f32, f16 or bf16 → gelu(x · Wᵀ + bias) + residual [M, N] */
  matmul(x: Tensor, w: Tensor, epilogue?: Epilogue): Tensor;
  /** x [T, C], w [O, taps·C] → rows at … at + outputs − 1 of y [·, O] */
  conv1d(x: Tensor, w: Tensor, y: Tensor, at: number, outputs: number, o: Conv1d): void;
  /** Rows first … first + rows − 1 of x [R, C], w [C, taps·C/G] → the same rows of y [R, C] */
  posConv(x: Tensor, w: Tensor, y: Tensor, first: number, rows: number, o: PosConv): void;
  /** x [T, C], weight [C] → [T, C] */
  rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor;
  /** x [T, C], weight [C], bias [C] → the norm of x, or of x + alpha · residual [T, C] */
  layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number, residual?: Residual): Tensor;
  /** qkv [T, (H + 2·K)·D] → q [T, H·D], rotated; k and v go to their rows of [R, K·D] */
  rope(qkv: Tensor, k: Tensor, v: Tensor, o: Rope): Tensor;
  /** The tiles that `attention` works through, from the segments of a packed batch: [n, 8] u32 */
  attentionTiles(segments: readonly Segment[]): Tensor;
  /** q [T, H·D] → what `attention` adds to its scores, by position and query [H·(2N − 1) + T·H] */
  relativeBias(q: Tensor, o: RelativeBias): Tensor;
  /** q [T, H·D], k and v [R, K·D] → z [T, H·D], each head's output times its gate, before W_O */
  attention(q: Tensor, k: Tensor, v: Tensor, o: Attention): Tensor;
  /** The same for one query a sequence: q [B, H·D], k and v [R, K·D] → z [B, H·D] */
  attentionDecode(q: Tensor, k: Tensor, v: Tensor, o: AttentionDecode): Tensor;
  /** x [T, 2·F], gates then ups → silu(gate) · up [T, F] */
  swiglu(x: Tensor): Tensor;
  /** x → gelu(x) of the same shape, exact (by erf) */
  gelu(x: Tensor): Tensor;
  /** a, b of one shape → a + b */
  add(a: Tensor, b: Tensor): Tensor;
  /** x [T, C], w [V, C], targets [T] u32 → log Σ exp(x·Wᵀ) − x·W[target] [T] */
  crossEntropy(x: Tensor, w: Tensor, targets: Tensor): Tensor;
  /** x [rows, C], first [T] u32 → the mean of rows first[t] and first[t] + 1 [T, C] */
  avgPool(x: Tensor, first: Tensor): Tensor;
  /** a [Ta, A], b [Tb, B] → [max(Ta, Tb), A + B], zeros after the shorter one */
  concatChannels(a: Tensor, b: Tensor): Tensor;
  /** x [rows, V] → the largest value's column [rows] u32 */
  argmax(x: Tensor): Tensor;
  /** x [rows, V] → the k largest values and their columns [rows, k], and log Σ exp [rows] */
  topK(x: Tensor, k: number): TopK;
  /** A tensor of the current block, its contents undefined. */
  tensor(label: string, shape: readonly number[], dtype?: DType): Tensor;
  /** A tensor of the outermost block with the host's values: written at once, before anything still unsubmitted runs. */
  upload(label: string, shape: readonly number[], data: Float32Array | Uint32Array): Tensor;
  /** Copies rows `from` … `from` + `rows` − 1 of x to y, from row `to` on. */
  copyRows(x: Tensor, from: number, y: Tensor, to: number, rows: number): void;
  /** The tensors' 32-bit words one after the other, as u32 [Σ length]: several results for one readback. */
  concat(parts: readonly Tensor[]): Tensor;
  /**
   * Runs f and frees every tensor made in it but its result, which belongs to the block outside; there, `spent`, which
   * nothing needs after f, is freed too. Learning runs f again on the way back: it must depend on nothing that changes.
   */
  block(f: () => Tensor, spent?: Tensor): Tensor;
}

/** Ops that record their kernels for inference. */
export class EagerOps implements Ops, Context {
  readonly recorder: Recorder;
  readonly #arena: Arena;
  #scope = new Set<Tensor>();
  readonly #uploads: Tensor[] = [];

  constructor(
    readonly gpu: Gpu,
    label: string,
    readonly scalar: Scalar = gpu.scalar,
  ) {
    this.recorder = new Recorder(gpu, label);
    this.#arena = new Arena(gpu.pool);
  }

  embed = (table: Tensor, ids: Tensor) => embed(this, table, ids);
  matmul = (x: Tensor, w: Tensor, epilogue?: Epilogue) => matmul(this, x, w, epilogue);
  conv1d = (x: Tensor, w: Tensor, y: Tensor, at: number, outputs: number, o: Conv1d) =>
    conv1d(this, x, w, y, at, outputs, o);
  posConv = (x: Tensor, w: Tensor, y: Tensor, first: number, rows: number, o: PosConv) =>
    posConv(this, x, w, y, first, rows, o);
  rmsNorm = (x: Tensor, weight: Tensor, eps: number) => rmsNorm(this, x, weight, eps);
  layerNorm = (x: Tensor, weight: Tensor, bias: Tensor, eps: number, residual?: Residual) =>
    layerNorm(this, x, weight, bias, eps, residual);
  rope = (qkv: Tensor, k: Tensor, v: Tensor, o: Rope) => rope(this, qkv, k, v, o);
  attentionTiles = (segments: readonly Segment[]) => attentionTiles(this, segments);
  relativeBias = (q: Tensor, o: RelativeBias) => relativeBias(this, q, o);
  attention = (q: Tensor, k: Tensor, v: Tensor, o: Attention) => attention(this, q, k, v, o);
  attentionDecode = (q: Tensor, k: Tensor, v: Tensor, o: AttentionDecode) =>
    attentionDecode(this, q, k, v, o);
  swiglu = (x: Tensor) => swiglu(this, x);
  avgPool = (x: Tensor, first: Tensor) => avgPool(this, x, first);
  concatChannels = (a: Tensor, b: Tensor) => concatChannels(this, a, b);
  gelu = (x: Tensor) => gelu(this, x);
  add = (a: Tensor, b: Tensor) => add(this, a, b);
  crossEntropy = (x: Tensor, w: Tensor, targets: Tensor) => crossEntropy(this, x, w, targets).loss;
  argmax = (x: Tensor) => argmax(this, x);
  topK = (x: Tensor, k: number) => topK(this, x, k);

  tensor(label: string, shape: readonly number[], dtype: DType = "f32"): Tensor {
    const tensor = new Tensor(label, shape, dtype, this.#arena);
    this.#scope.add(tensor);
    return tensor;
  }

  /** The same, zeros. */
  zeros(label: string, shape: readonly number[]): Tensor {
    const tensor = this.tensor(label, shape);
    this.recorder.clear(tensor);
    return tensor;
  }

  upload(label: string, shape: readonly number[], data: Float32Array | Uint32Array): Tensor {
    // Kept until the recording is over, whatever block it is made in: its buffer must meet neither a later upload, which
    // would be written before the commands recorded so far, nor a command's result, lest the recording run only once.
    const tensor = this.gpu.upload(label, shape, data);
    this.#uploads.push(tensor);
    return tensor;
  }

  copyRows(x: Tensor, from: number, y: Tensor, to: number, rows: number): void {
    const bytes = x.byteLength / x.rows;
    this.recorder.copy(x, from * bytes, y, to * bytes, rows * bytes);
  }

  concat(parts: readonly Tensor[]): Tensor {
    const y = this.tensor("concat", [parts.reduce((n, t) => n + t.length, 0)], "u32");
    let at = 0;
    for (const part of parts) {
      this.recorder.copy(part, 0, y, at, part.byteLength);
      at += part.byteLength;
    }
    return y;
  }

  block(f: () => Tensor, spent?: Tensor): Tensor {
    const made = new Set<Tensor>();
    let kept: Tensor | undefined;
    try {
      kept = this.collect(made, f);
      return kept;
    } finally {
      for (const tensor of made) if (tensor !== kept) tensor.dispose();
      if (kept && made.has(kept)) this.#scope.add(kept);
      if (spent) this.free(spent);
    }
  }

  /** Runs f, putting every tensor that it makes into `made`: they are the caller's to free. */
  collect<T>(made: Set<Tensor>, f: () => T): T {
    const outer = this.#scope;
    this.#scope = made;
    try {
      return f();
    } finally {
      this.#scope = outer;
    }
  }

  /** Frees a tensor of the current block early; others are left alone. */
  free(tensor: Tensor): void {
    if (this.#scope.delete(tensor)) tensor.dispose();
  }

  /** Puts a collected tensor into the current block. */
  adopt(tensor: Tensor): void {
    this.#scope.add(tensor);
  }

  /** Submits everything recorded, once; with `read`, resolves with that tensor's bytes. */
  submit(): void;
  submit(read: Tensor): Promise<ArrayBuffer>;
  submit(read?: Tensor): Promise<ArrayBuffer> | undefined {
    if (read) return this.recorder.submit(read);
    this.recorder.submit();
    return undefined;
  }

  /** Frees every tensor of the outermost block and the recording itself. */
  dispose(): void {
    for (const tensor of [...this.#scope, ...this.#uploads.splice(0)]) tensor.dispose();
    this.#scope.clear();
    this.#arena.release();
    this.recorder.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
