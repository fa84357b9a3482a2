/**
 * Weights from a checkpoint to the GPU, in slices: the JavaScript heap never holds more than two slices and what the
 * GPU's queue has not yet taken over.
 */
import type { DType } from "../gpu/tensor.ts";
import { type Checkpoint, CheckpointError, slices } from "./checkpoint.ts";
import { hasNaN } from "./nan.ts";
import { type Loaded, mapTree, type Param, type Tree } from "./params.ts";
import { type Plan, type PlanOptions, planWeights } from "./plan.ts";
import { STORED_BYTES, type TensorInfo } from "./safetensors.ts";
import { MAX_SLICE } from "./source.ts";
import { toF32 } from "./values.ts";

export { conv, type Loaded, matrix, type Param, storedAs, type Tree, vector } from "./params.ts";

/** What loading needs of a `Gpu`; T is its Tensor. */
export interface Uploader<T> {
  tensor(label: string, shape: readonly number[], dtype: DType): T;
  /** Takes a copy of the bytes; length and offset are multiples of 4, the last word may reach into the padding. */
  write(tensor: T, bytes: Uint8Array, byteOffset?: number): void;
  /** Waits until everything written so far has arrived. */
  drain(): Promise<void>;
}

export interface LoadOptions extends PlanOptions {
  /** Bytes as stored. */
  onProgress?: (loadedBytes: number, totalBytes: number) => void;
  signal?: AbortSignal;
}

/** Bytes of a slice that is widened or transposed: the copy is garbage afterwards, and garbage piles up for a while. */
const CONVERTED_SLICE = 2 * 1024 * 1024;

/** The most bytes written and not yet drained. */
const MAX_IN_FLIGHT = 64 * 1024 * 1024;

/**
 * Loads every Param of `tree` and gives the same tree of tensors. Throws CheckpointError before anything is uploaded
 * when tensors are missing, extra or mis-shaped, and after reading them all when some hold NaN; the signal's reason on
 * abort; SourceError when reading fails. Whenever it throws, everything it had uploaded is disposed.
 */
export async function loadWeights<P extends Tree, T extends { dispose(): void }>(
  gpu: Uploader<T>,
  checkpoint: Checkpoint,
  tree: P,
  options: LoadOptions = {},
): Promise<Loaded<P, T>> {
  options.signal?.throwIfAborted();
  const plans = planWeights(checkpoint, tree, options);
  const loaded = new Map<Param, T>();
  try {
    await upload(gpu, plans, loaded, options);
  } catch (error) {
    for (const tensor of loaded.values()) tensor.dispose();
    throw error;
  }
  return mapTree(tree, (param) => loaded.get(param)!);
}

async function upload<T>(
  gpu: Uploader<T>,
  plans: readonly Plan[],
  loaded: Map<Param, T>,
  { onProgress, signal }: LoadOptions,
): Promise<void> {
  const infos = plans.flatMap(({ sources }) => sources.filter((source) => typeof source !== "number"));
  const total = infos.reduce((sum, { begin, end }) => sum + end - begin, 0);
  const withNaN = new Set<string>();
  let done = 0;
  let stream: WordStream<T> | undefined;

  for await (const { plan, info, bytes } of readAhead((inner) => pieces(plans, inner), signal)) {
    if (!loaded.has(plan.param)) {
      await stream?.end();
      const tensor = gpu.tensor(plan.label, plan.param.shape, plan.dtype);
      loaded.set(plan.param, tensor);
      stream = new WordStream(gpu, tensor, stream);
    }
    const values = info ? converted(plan, info, bytes) : bytes;
    if (info && hasNaN(values, plan.dtype)) withNaN.add(info.name);
    await stream!.push(values);
    if (info) {
      done += bytes.length;
      onProgress?.(done, total);
    }
  }
  await stream?.end();
  await gpu.drain();
  signal?.throwIfAborted();
  if (withNaN.size)
    throw new CheckpointError(
      `checkpoint: expected numbers, got NaN in ${withNaN.size} of ${infos.length} tensors; get the files again`,
      [...withNaN].map((name) => `NaN: ${name}`),
    );
}

interface Piece {
  readonly plan: Plan;
  /** Absent for zeros. */
  readonly info?: TensorInfo;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const ZEROS = new Uint8Array(65_536);

/** The bytes of all plans in order, read into two buffers by turns: a piece is good until the next but one is asked for. */
async function* pieces(plans: readonly Plan[], signal: AbortSignal): AsyncGenerator<Piece> {
  const sizes = plans.flatMap(({ sources }) =>
    sources.map((s) => (typeof s === "number" ? 0 : s.end - s.begin)),
  );
  const capacity = Math.min(MAX_SLICE, Math.max(0, ...sizes));
  const buffers = [new Uint8Array(capacity), new Uint8Array(capacity)] as const;
  let turn = 0;
  const into = () => buffers[turn++ & 1]!;
  for (const plan of plans) {
    // So that a tensor without elements is made as well.
    yield { plan, bytes: ZEROS.subarray(0, 0) };
    for (const source of plan.sources) {
      if (typeof source === "number") {
        const size = source * (plan.dtype === "f32" ? 4 : 2);
        for (let at = 0; at < size; at += ZEROS.length)
          yield { plan, bytes: ZEROS.subarray(0, Math.min(ZEROS.length, size - at)) };
      } else {
        const element = STORED_BYTES[source.dtype];
        const rowBytes = plan.param.kind === "conv" ? element * plan.param.shape[1]! : element;
        const limit = plan.param.kind === "conv" || !isKept(plan, source) ? CONVERTED_SLICE : MAX_SLICE;
        for await (const { bytes } of slices(source, { rowBytes, limit, into, signal }))
          yield { plan, info: source, bytes };
      }
    }
  }
}

const isKept = (plan: Plan, info: TensorInfo): boolean => info.dtype.toLowerCase() === plan.dtype;

/** A piece as the GPU keeps it. */
function converted(plan: Plan, info: TensorInfo, bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  const [outputs, channels, taps] = info.shape;
  const kept = isKept(plan, info) ? bytes : bytesOf(toF32(bytes, info.dtype));
  if (plan.param.kind !== "conv" || !outputs) return kept;
  const { buffer, byteOffset, length } = kept;
  const from =
    plan.dtype === "f32"
      ? new Uint32Array(buffer, byteOffset, length / 4)
      : new Uint16Array(buffer, byteOffset, length / 2);
  const to = from.slice();
  tapsOutermost(from, to, channels!, taps!);
  return bytesOf(to);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Rows of [C, W] → rows of [W, C]. */
function tapsOutermost(
  from: Uint16Array | Uint32Array,
  to: Uint16Array | Uint32Array,
  channels: number,
  taps: number,
) {
  for (let row = 0; row < from.length; row += channels * taps)
    for (let c = 0; c < channels; c++)
      for (let w = 0; w < taps; w++) to[row + w * channels + c] = from[row + c * taps + w]!;
}

/**
 * Writes pieces of any even length one after the other into a tensor, though the GPU takes whole 4-byte words: an odd
 * half-word waits for the next piece. Drains often enough that the queue's copies stay small.
 */
class WordStream<T> {
  private offset = 0;
  private half = new Uint8Array(0);
  private inFlight: number;

  constructor(
    private readonly gpu: Uploader<T>,
    private readonly tensor: T,
    before: WordStream<T> | undefined,
  ) {
    this.inFlight = before?.inFlight ?? 0;
  }

  async push(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    if (this.half.length && rest.length) {
      const word = new Uint8Array([...this.half, ...rest.subarray(0, 2)]);
      rest = rest.subarray(2);
      this.half = new Uint8Array(0);
      await this.write(word);
    }
    const whole = rest.length - (rest.length % 4);
    if (whole) await this.write(rest.subarray(0, whole));
    if (whole < rest.length) this.half = rest.slice(whole);
  }

  /** Fills the last word with zeros. */
  async end(): Promise<void> {
    if (this.half.length) await this.push(new Uint8Array(2));
  }

  private async write(words: Uint8Array): Promise<void> {
    if (this.inFlight + words.length > MAX_IN_FLIGHT) {
      await this.gpu.drain();
      this.inFlight = 0;
    }
    this.gpu.write(this.tensor, words, this.offset);
    this.offset += words.length;
    this.inFlight += words.length;
  }
}

/**
 * The items of `start(signal)`, the next one already on its way while the caller works on this one. When the caller
 * stops early or `signal` aborts, the inner signal aborts what is on its way.
 */
async function* readAhead<I>(
  start: (signal: AbortSignal) => AsyncGenerator<I>,
  signal?: AbortSignal,
): AsyncGenerator<I> {
  const inner = new AbortController();
  const stop = () => inner.abort(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  const items = start(inner.signal);
  let next = items.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = items.next();
      // Until it is awaited above, a failure is nobody's.
      next.catch(() => {});
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    inner.abort();
    await next.catch(() => {});
  }
}
