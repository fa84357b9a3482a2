import { freemem } from "node:os";
import { BYTES, count, type DType, type Gpu, Recorder, sizeClass, type Tensor } from "../src/gpu/index.ts";
import { type Loaded, leaves, mapTree, type Param, type Tree } from "../src/index.ts";
import type { Bench } from "./harness.ts";
import { input, PERIOD, TooLarge } from "./inputs.ts";

const BLOCK = PERIOD * 256; // elements; rows of a matrix begin at other places in it
const SPARE = 2 ** 27; // bytes of a buffer that is made only to see whether there is room

/** As loading has it: matrices as they are stored, vectors f32. */
const typeOf = ({ kind }: Param, dtype: DType): DType => (kind === "vector" ? "f32" : dtype);

const bytesOf = (param: Param, dtype: DType): number => count(param.shape) * BYTES[typeOf(param, dtype)];

/** Bytes of a model's weights on the GPU, its matrices stored as `dtype`. */
export const weightBytes = (tree: Tree, dtype: DType): number =>
  [...leaves(tree).keys()].reduce((sum, param) => sum + bytesOf(param, dtype), 0);

/** Elements of its matrices. */
export const matrixElements = (tree: Tree): number =>
  [...leaves(tree).keys()].reduce((sum, { kind, shape }) => sum + (kind === "vector" ? 0 : count(shape)), 0);

/**
 * Weights of a model of any family, made up on the GPU: a block of random numbers a size, copied over and over. Products
 * keep the size of what goes into them. They are freed with the bench's other inputs.
 *
 * @param spareBytes that the work with them takes on top
 * @throws TooLarge when the device has no room for both
 */
export async function synthetic<P extends Tree>(
  b: Bench,
  what: string,
  tree: P,
  dtype: DType,
  spareBytes: number,
): Promise<Loaded<P>> {
  const { gpu } = b;
  const params = [...leaves(tree)];
  const bytes = params.reduce((sum, [param]) => sum + sizeClass(bytesOf(param, dtype)), spareBytes);
  const need = `${what} needs ${gb(bytes)}, ${gb(weightBytes(tree, dtype))} of them for weights in ${dtype}`;
  if (gpu.software && bytes > freemem())
    throw new TooLarge(`${need}, this machine has ${gb(freemem())} of memory free`);
  const largest = Math.max(...params.map(([param]) => bytesOf(param, dtype)));
  if (largest > gpu.limits.bufferBytes)
    throw new TooLarge(
      `${need}, and a buffer of ${gb(largest)}, this device allows ${gb(gpu.limits.bufferBytes)}`,
    );
  gpu.device.pushErrorScope("out-of-memory");
  const made = new Map(
    params.map(([param, label]) => [param, b.own(gpu.tensor(label, param.shape, typeOf(param, dtype)))]),
  );
  const spare = Array.from({ length: Math.ceil(spareBytes / SPARE) }, () => gpu.tensor("spare", [SPARE / 4]));
  const error = await gpu.device.popErrorScope();
  for (const tensor of spare) tensor.dispose();
  gpu.trim();
  if (error) throw new TooLarge(`${need}, this device has less memory free`);
  fill(gpu, made);
  return mapTree(tree, (param) => made.get(param)!);
}

const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** Copies random blocks into the tensors: norms and biases of numbers of size 1, matrices by how many a sum takes. */
function fill(gpu: Gpu, tensors: ReadonlyMap<Param, Tensor>): void {
  const blocks = new Map<string, Tensor>();
  using recorder = new Recorder(gpu, "synthetic");
  for (const tensor of tensors.values()) {
    const scale = tensor.shape.length < 2 ? 1 : 2 ** -Math.round(Math.log2(tensor.width) / 2);
    const key = `${tensor.dtype} ${scale}`;
    const block = blocks.get(key) ?? input(gpu, key, [BLOCK], tensor.dtype, blocks.size + 1, scale).tensor;
    blocks.set(key, block);
    const end = Math.ceil(tensor.byteLength / 4) * 4;
    for (let at = 0; at < end; at += block.byteLength)
      recorder.copy(block, 0, tensor, at, Math.min(block.byteLength, end - at));
  }
  recorder.submit();
  for (const block of blocks.values()) block.dispose();
}
