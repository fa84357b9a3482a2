import { type DType, type Gpu, GpuError, type Tensor } from "../gpu/index.ts";
import {
  type Attention,
  type AttentionDecode,
  type Context,
  type Conv1d,
  crossEntropy,
  EagerOps,
  type Epilogue,
  type Ops,
  type PosConv,
  type RelativeBias,
  type Residual,
  type Rope,
  type Segment,
} from "../kernels/index.ts";
import { Gradients } from "./gradients.ts";
import { RULES } from "./rules.ts";

/** One op on the tape, ready to be walked back. */
type Back = () => void;

export interface TapeOptions {
  /**
   * Bytes of activations that may be kept from the forward for the way back. Blocks (layers) beyond that keep only their
   * result and are computed again (arXiv 1604.06174): slower by a forward, smaller by all but one layer. Default 0.
   */
  keepBytes?: number;
}

/**
 * Ops that remember what they did, so that gradients can be taken: reverse-mode differentiation over the very forward
 * that inference uses. Only what lies between a tensor that is learned and the loss is recorded; weights get no
 * gradient. Everything, forward and backward, becomes one submission.
 *
 * ```ts
 * using ops = new TapedOps(gpu, "step");
 * ops.learn(prompt);
 * const loss = ops.crossEntropy(model(ops, prompt), w, targets); // [T]
 * ops.backward(loss, ops.upload("dloss", [T], new Float32Array(T).fill(1 / T))); // of the mean
 * const gradient = await ops.submit(ops.gradient(prompt));
 * ```
 */
export class TapedOps implements Ops {
  readonly #eager: EagerOps;
  readonly #gradients: Gradients;
  readonly #keepBytes: number;
  readonly #learned = new WeakSet<Tensor>();
  readonly #passed = new Set<Tensor>(); // gradients that a block handed on to those before it
  #tape: Back[] = [];
  #kept = 0;

  constructor(
    readonly gpu: Gpu,
    label: string,
    { keepBytes = 0 }: TapeOptions = {},
  ) {
    this.#eager = new EagerOps(gpu, label, "f32"); // the way back computes again what the forward did, in f32
    this.#gradients = new Gradients(this.#eager);
    this.#keepBytes = keepBytes;
  }

  /**
   * From here on, what is made from t is recorded, and `gradient(t)` can be asked for.
   *
   * @param t f32, not itself made from what is learned
   */
  learn(t: Tensor): void {
    if (t.dtype !== "f32") throw new GpuError(`autograd: expected a tensor of f32 to learn, got ${t}`);
    if (this.#gradients.wants(t) && !this.#learned.has(t))
      throw new GpuError(`autograd: expected a tensor that is given, got ${t}, made from what is learned`);
    this.#learned.add(t);
    this.#gradients.want(t);
  }

  /**
   * Walks the tape back from y, whose gradient is dy (of y's shape); the tape is empty afterwards. Several results are
   * summed by one call each only if they share nothing: otherwise make one of them with `add`.
   *
   * @throws GpuError when nothing that is learned leads to y
   */
  backward(y: Tensor, dy: Tensor): void {
    if (!this.#gradients.wants(y)) {
      throw new GpuError(
        `autograd: expected a result of something that is learned, got ${y}; call learn() before the forward`,
      );
    }
    if (`${dy.shape}` !== `${y.shape}` || dy.dtype !== "f32")
      throw new GpuError(`autograd: expected dy f32 [${y.shape.join(", ")}], got ${dy}`);
    this.#gradients.add(y, () => dy);
    this.#walk(this.#tape);
    this.#tape = [];
    this.#kept = 0;
  }

  /** The gradient of what `backward` began with, with respect to a learned t: of t's shape, zeros if t had no part in it. */
  gradient(t: Tensor): Tensor {
    if (!this.#learned.has(t))
      throw new GpuError(`autograd: expected a tensor that is learned, got ${t}; call learn() with it`);
    return this.#gradients.of(t) ?? this.#gradients.inPlace(t);
  }

  embed(table: Tensor, ids: Tensor): Tensor {
    const y = this.#eager.embed(table, ids);
    return this.#record(y, [table], (g, dy) => RULES.embed(g, dy, table, ids));
  }

  matmul(x: Tensor, w: Tensor, epilogue: Epilogue = {}): Tensor {
    this.#frozen("matmul", w, epilogue.bias);
    const { gelu, residual, ...linear } = epilogue;
    if (gelu && this.#gradients.wants(x)) {
      const y = this.gelu(this.matmul(x, w, linear)); // its input is needed on the way back
      return residual ? this.add(y, residual) : y;
    }
    const y = this.#eager.matmul(x, w, epilogue);
    return this.#record(y, [x, residual], (g, dy) => RULES.matmul(g, dy, x, w, residual));
  }

  rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
    this.#frozen("rms-norm", weight);
    const y = this.#eager.rmsNorm(x, weight, eps);
    return this.#record(y, [x], (g, dy) => RULES.rmsNorm(g, dy, x, weight, eps));
  }

  layerNorm(x: Tensor, weight: Tensor, bias: Tensor, eps: number, residual?: Residual): Tensor {
    this.#frozen("layer-norm", weight, bias);
    if (residual) this.#frozen("layer-norm with a residual", x, residual.x);
    const y = this.#eager.layerNorm(x, weight, bias, eps, residual);
    return this.#record(y, [x], (g, dy) => RULES.layerNorm(g, dy, x, weight, eps));
  }

  rope(qkv: Tensor, k: Tensor, v: Tensor, o: Rope): Tensor {
    this.#frozen("rope", k, v); // written twice, they would have two gradients
    const q = this.#eager.rope(qkv, k, v, o);
    if (!this.#gradients.wants(qkv)) return q;
    for (const t of [q, k, v]) this.#gradients.want(t);
    this.#tape.push(() => RULES.rope(this.#gradients, qkv, q, k, v, o));
    return q;
  }

  attention(q: Tensor, k: Tensor, v: Tensor, o: Attention): Tensor {
    const inputs = [q, k, v, o.gates?.tensor];
    if (o.bias) this.#frozen("attention with a bias", o.bias, ...inputs);
    if (!inputs.some((t) => this.#gradients.wants(t))) return this.#eager.attention(q, k, v, o);
    const lse = this.tensor("lse", [q.rows, o.heads]);
    const z = this.#eager.attention(q, k, v, { ...o, lse });
    return this.#record(z, inputs, (g, dz) => RULES.attention(g, dz, { q, k, v, z, lse }, o));
  }

  swiglu(x: Tensor): Tensor {
    return this.#record(this.#eager.swiglu(x), [x], (g, dy) => RULES.swiglu(g, dy, x));
  }

  gelu(x: Tensor): Tensor {
    return this.#record(this.#eager.gelu(x), [x], (g, dy) => RULES.gelu(g, dy, x));
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.#record(this.#eager.add(a, b), [a, b], (g, dy) => RULES.add(g, dy, a, b));
  }

  crossEntropy(x: Tensor, w: Tensor, targets: Tensor): Tensor {
    this.#frozen("cross-entropy", w);
    const { loss, state } = crossEntropy(this.#eager, x, w, targets);
    return this.#record(loss, [x], (g, dloss) => RULES.crossEntropy(g, dloss, x, w, targets, state));
  }

  copyRows(x: Tensor, from: number, y: Tensor, to: number, rows: number): void {
    this.#eager.copyRows(x, from, y, to, rows);
    if (!this.#gradients.wants(x) && !this.#gradients.wants(y)) return;
    this.#gradients.want(y);
    this.#tape.push(() => RULES.copyRows(this.#gradients, x, from, y, to, rows));
  }

  /**
   * An op of one's own: says that y was made from `inputs`, and how its gradient becomes theirs, one each (of the inputs'
   * shapes, undefined for none). `back` records kernels on the context it is given.
   */
  custom(
    inputs: readonly Tensor[],
    y: Tensor,
    back: (ctx: Context, dy: Tensor) => readonly (Tensor | undefined)[],
  ): Tensor {
    return this.#record(y, inputs, (g, dy) => {
      for (const [i, dx] of back(g.ops, dy).entries()) if (dx) g.add(inputs[i], () => dx);
    });
  }

  // No gradient flows through what follows.

  conv1d(x: Tensor, w: Tensor, y: Tensor, at: number, outputs: number, o: Conv1d): void {
    this.#frozen("conv1d", x, w, o.bias);
    this.#eager.conv1d(x, w, y, at, outputs, o);
  }

  posConv(x: Tensor, w: Tensor, y: Tensor, first: number, rows: number, o: PosConv): void {
    this.#frozen("pos-conv", x, w, o.bias);
    this.#eager.posConv(x, w, y, first, rows, o);
  }

  relativeBias(q: Tensor, o: RelativeBias): Tensor {
    this.#frozen("relative-bias", q, o.embed, o.weight, o.bias, o.scale);
    return this.#eager.relativeBias(q, o);
  }

  attentionDecode(q: Tensor, k: Tensor, v: Tensor, o: AttentionDecode): Tensor {
    this.#frozen("attention-decode", q, k, v, o.gates?.tensor);
    return this.#eager.attentionDecode(q, k, v, o);
  }

  avgPool(x: Tensor, first: Tensor): Tensor {
    this.#frozen("avg-pool", x);
    return this.#eager.avgPool(x, first);
  }

  concatChannels(a: Tensor, b: Tensor): Tensor {
    this.#frozen("concat-channels", a, b);
    return this.#eager.concatChannels(a, b);
  }

  // Readings: what they give is for the host.

  attentionTiles = (segments: readonly Segment[]) => this.#eager.attentionTiles(segments);
  argmax = (x: Tensor) => this.#eager.argmax(x);
  topK = (x: Tensor, k: number) => this.#eager.topK(x, k);
  concat = (parts: readonly Tensor[]) => this.#eager.concat(parts);
  tensor = (label: string, shape: readonly number[], dtype?: DType) =>
    this.#eager.tensor(label, shape, dtype);
  upload = (label: string, shape: readonly number[], data: Float32Array | Uint32Array) =>
    this.#eager.upload(label, shape, data);

  /** As in inference, but for what the way back needs: the block's result, and all of it within `keepBytes`. */
  block(f: () => Tensor, spent?: Tensor): Tensor {
    const made = new Set<Tensor>();
    const keptBefore = this.#kept;
    const { y, inner } = this.#inside(made, f);
    if (made.delete(y)) this.#eager.adopt(y);
    if (inner.length === 0) {
      free(made);
      if (spent && !this.#gradients.wants(spent)) this.#eager.free(spent);
      return y;
    }
    const kept = [...made].reduce((sum, t) => sum + t.buffer.size, keptBefore); // with those of blocks in it
    if (kept <= this.#keepBytes) {
      this.#kept = kept;
      for (const t of made) this.#eager.adopt(t); // until the walk, or the enclosing block or recording ends
      this.#tape.push(() => {
        this.#walkBlock(() => inner);
        const live = this.#gradients.live();
        for (const t of made) if (!live.has(t)) this.#eager.free(t);
      });
    } else {
      this.#kept = keptBefore;
      free(made);
      this.#tape.push(() => this.#walkBlock(() => this.#again(f, y)));
    }
    return y;
  }

  /** Submits forward and backward, once; with `read`, resolves with that tensor's bytes. */
  submit(): void;
  submit(read: Tensor): Promise<ArrayBuffer>;
  submit(read?: Tensor): Promise<ArrayBuffer> | undefined {
    if (read) return this.#eager.submit(read);
    this.#eager.submit();
    return undefined;
  }

  /** Submits the same once and resolves with the milliseconds of each kernel: see `Recorder.profile`. */
  profile(): Promise<Map<string, number>> {
    return this.#eager.recorder.profile();
  }

  /** Dispatches recorded so far. */
  get dispatches(): number {
    return this.#eager.recorder.dispatches;
  }

  dispose(): void {
    this.#eager.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #record(
    y: Tensor,
    inputs: readonly (Tensor | undefined)[],
    back: (g: Gradients, dy: Tensor) => void,
  ): Tensor {
    const g = this.#gradients;
    if (!inputs.some((t) => g.wants(t))) return y;
    g.want(y);
    this.#tape.push(() => {
      const dy = g.take(y);
      if (dy) back(g, dy);
    });
    return y;
  }

  #walk(tape: readonly Back[]): void {
    for (let i = tape.length - 1; i >= 0; i--) tape[i]!();
  }

  /** Runs a block's forward: its result, and a tape of its own. */
  #inside(made: Set<Tensor>, f: () => Tensor): { y: Tensor; inner: readonly Back[] } {
    const outer = this.#tape;
    const inner: Back[] = [];
    this.#tape = inner;
    try {
      return { y: this.#eager.collect(made, f), inner };
    } catch (error) {
      free(made);
      throw error;
    } finally {
      this.#tape = outer;
    }
  }

  /** Walks a block back, then frees all that this made but gradients outside, and those outside that only it needed. */
  #walkBlock(forward: () => readonly Back[]): void {
    const made = new Set<Tensor>();
    try {
      this.#eager.collect(made, () => this.#walk(forward()));
    } finally {
      const live = this.#gradients.live();
      for (const gradient of live)
        if (made.delete(gradient)) {
          this.#eager.adopt(gradient);
          this.#passed.add(gradient);
        }
      free(made);
      for (const gradient of this.#passed) if (!live.has(gradient)) this.#eager.free(gradient);
    }
  }

  /** The tape of a block whose activations were not kept; y, its result, is there and so is y's gradient. */
  #again(f: () => Tensor, y: Tensor): readonly Back[] {
    this.#tape = [];
    const same = f();
    const dy = this.#gradients.take(y);
    if (dy) this.#gradients.add(same, () => dy);
    return this.#tape;
  }

  /** Throws when a gradient would have to flow through what has none. */
  #frozen(op: string, ...inputs: (Tensor | undefined)[]): void {
    const bad = inputs.find((t) => this.#gradients.wants(t));
    if (bad)
      throw new GpuError(
        `autograd: expected ${op} to be given ${bad} as it is, got one that is learned or made from what is; ` +
          "no gradient flows through it",
      );
  }
}

function free(tensors: Iterable<Tensor>): void {
  for (const tensor of tensors) tensor.dispose();
}
