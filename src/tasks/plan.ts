import {
  BYTES,
  count,
  DryDevice,
  type DryLimits,
  type DType,
  type Gpu,
  GpuError,
  LEAST_BINDING,
  openGpu,
  sizeClass,
  type Tensor,
} from "../gpu/index.ts";
import { leaves, type Param } from "../io/params.ts";
import { windows } from "../kernels/rows.ts";
import type { Blueprint, BuiltModel, ModelPart } from "../model/blueprint.ts";
import { rehearseAnswer, rehearseLearning, type Sizes, type Stage } from "./rehearse.ts";
import { type Storage, storedCount } from "./storage.ts";

export interface PartPlan {
  readonly name: string;
  /** Of its largest matrix on the GPU. */
  readonly dtype: DType;
  readonly parameters: number;
  /** Of the files, to be read. */
  readonly storedBytes: number;
  /** On the GPU. */
  readonly bytes: number;
  /** The same with what its buffers are longer: they come in steps of an eighth of a power of two. */
  readonly allocatedBytes: number;
}

/** Bytes of GPU memory as allocated, `weights` of them all the time. */
export interface MemoryPlan {
  readonly weights: number;
  /** Beyond the weights: the encoder's activations, and the audio tokens that it leaves. */
  readonly encode: number;
  /** Keys and values of the prompt and the answer. */
  readonly cache: number;
  /** Beyond these: activations of the prompt and of a token of the answer. */
  readonly answer: number;
  /** The most at any time, with the weights and with what idles until it is used again. */
  readonly most: number;
  /** The most in a step of learning on one such example, with the weights; no activations kept but layers' inputs. */
  readonly learn: number;
}

/** What a device must allow for answering. */
export interface LimitsPlan {
  /** maxBufferSize. */
  readonly bufferBytes: number;
  /** maxStorageBufferBindingSize: the least power of two that will do, from what every adapter has. */
  readonly bindingBytes: number;
  /** Weights that are larger than such a binding and are bound in parts; the largest first. */
  readonly split: readonly SplitWeight[];
}

export interface SplitWeight {
  /** Its place in its part, N for a layer's number. */
  readonly name: string;
  /** How many there are, one a layer. */
  readonly count: number;
  /** Of one. */
  readonly bytes: number;
  readonly bindings: number;
}

export interface ModelPlan {
  readonly parts: readonly PartPlan[];
  readonly memory: MemoryPlan;
  readonly limits: LimitsPlan;
}

const MOST_BINDING = 2 ** 32;

/**
 * What a model asks of a device, for one question. No formula stands for the engine: its own code runs over a device
 * that only counts (`DryDevice`), so that the figures are those that a real one shows.
 *
 * @param limits of the device but for its bindings; its kind moves the figures by some kilobytes
 * @throws GpuError when no bindings would do
 */
export async function planModel(
  b: Blueprint,
  storage: Storage,
  sizes: Sizes,
  limits: DryLimits = {},
): Promise<ModelPlan> {
  const answer = await least((bindingBytes) => answering(b, storage, sizes, { ...limits, bindingBytes }));
  const learn = await least((bindingBytes) =>
    peak(b, storage, { ...limits, bindingBytes }, (_, model) => rehearseLearning(model, sizes)),
  );
  const { memory, bufferBytes, split } = answer.value;
  return {
    parts: b.parts.map((part) => planPart(part, storage)),
    memory: { ...memory, learn: learn.value },
    limits: { bufferBytes, bindingBytes: answer.bindingBytes, split },
  };
}

/** Why a device with these limits cannot answer the question; undefined when it can. */
export async function refusal(
  b: Blueprint,
  storage: Storage,
  sizes: Sizes,
  limits: DryLimits,
): Promise<string | undefined> {
  try {
    await peak(b, storage, limits, (gpu, model) => rehearseAnswer(gpu, model, sizes));
    return undefined;
  } catch (error) {
    if (error instanceof GpuError) return error.message;
    throw error;
  }
}

function planPart({ name, stored, made = stored }: ModelPart, storage: Storage): PartPlan {
  const [files, gpu] = [[...leaves(stored).keys()], [...leaves(made).keys()]];
  const bytes = (param: Param) => bytesOf(param, storage);
  const matrices = gpu.filter(({ kind }) => kind !== "vector").sort((a, b) => bytes(b) - bytes(a));
  return {
    name,
    dtype: matrices[0] ? storage.dtype(matrices[0]) : "f32",
    parameters: sum(files.map(storedCount)),
    storedBytes: sum(files.map((param) => storage.bytes(param))),
    bytes: sum(gpu.map(bytes)),
    allocatedBytes: sum(gpu.map((param) => sizeClass(bytes(param)))),
  };
}

/** What `measure` gives for the least binding with which it does not fail. */
async function least<T>(measure: (bindingBytes: number) => Promise<T>) {
  for (let bindingBytes = LEAST_BINDING; ; bindingBytes *= 2) {
    try {
      return { bindingBytes, value: await measure(bindingBytes) };
    } catch (error) {
      if (!(error instanceof GpuError) || bindingBytes >= MOST_BINDING) throw error;
    }
  }
}

/** A device of these limits that holds the model's weights. */
async function loaded<T>(
  b: Blueprint,
  storage: Storage,
  limits: DryLimits,
  use: (dry: DryDevice, gpu: Gpu, model: BuiltModel) => Promise<T>,
): Promise<T> {
  const dry = new DryDevice(limits);
  using gpu = await openGpu({ device: dry.device });
  const weights = new Map<Param, Tensor>();
  const model = await b.build(gpu, (param) => {
    const tensor =
      weights.get(param) ?? gpu.tensor(param.parts[0]?.name ?? "weights", param.shape, storage.dtype(param));
    weights.set(param, tensor);
    return tensor;
  });
  gpu.trim();
  dry.mark();
  return await use(dry, gpu, model);
}

/** The most bytes that a device of these limits holds while `use` runs. */
const peak = (
  b: Blueprint,
  storage: Storage,
  limits: DryLimits,
  use: (gpu: Gpu, model: BuiltModel) => Promise<unknown>,
): Promise<number> =>
  loaded(b, storage, limits, async (dry, gpu, model) => {
    await use(gpu, model);
    return dry.peak;
  });

async function answering(b: Blueprint, storage: Storage, sizes: Sizes, limits: DryLimits) {
  const most = await peak(b, storage, limits, (gpu, model) => rehearseAnswer(gpu, model, sizes));
  return await loaded(b, storage, limits, async (dry, gpu, model) => {
    const weights = dry.held;
    const stages: Record<Stage, number> = { heard: 0, cached: 0, answered: 0 };
    let before = weights;
    await rehearseAnswer(gpu, model, sizes, (stage) => {
      stages[stage] = dry.peak - before;
      gpu.trim(); // so that nothing idles into the next stage
      before = dry.mark();
    });
    const { heard: encode, cached: cache, answered: answer } = stages;
    return {
      memory: { weights, encode, cache, answer, most },
      bufferBytes: dry.largestBuffer,
      split: splitWeights(gpu, b, storage),
    };
  });
}

function splitWeights(gpu: Gpu, b: Blueprint, storage: Storage): SplitWeight[] {
  const found = new Map<string, SplitWeight>();
  for (const { name: part, stored, made = stored } of b.parts)
    for (const [param, path] of leaves(made)) {
      const bytes = bytesOf(param, storage);
      const rows = param.shape[0]!;
      const bindings = windows(gpu, "plan", rows, bytes / rows).length;
      const name = `${part}, ${path.replace(/\b\d+\b/, "N")}`;
      if (bindings > 1) found.set(name, { name, count: (found.get(name)?.count ?? 0) + 1, bytes, bindings });
    }
  return [...found.values()].sort((a, b) => b.bytes - a.bytes);
}

const bytesOf = (param: Param, storage: Storage): number => count(param.shape) * BYTES[storage.dtype(param)];

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
