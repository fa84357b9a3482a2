import { BYTES, count, type DType } from "../gpu/index.ts";
import { leaves, type Param } from "../io/params.ts";
import type { Plan } from "../io/plan.ts";
import type { TensorInfo } from "../io/safetensors.ts";
import type { Blueprint } from "../model/blueprint.ts";

/** How a model's weights are stored. */
export interface Storage {
  /** The type that a Param is kept in on the GPU. */
  dtype(param: Param): DType;
  /** Bytes of a Param in the files. */
  bytes(param: Param): number;
}

/** As the config says; or all of it in one type, as converting writes it. */
export function statedStorage(b: Blueprint, dtype?: DType): Storage {
  const types = new Map(
    b.parts.flatMap((part) => [...leaves(part.stored).keys()].map((p) => [p, dtype ?? part.dtype])),
  );
  const stored = (param: Param) => types.get(param) ?? "f32";
  return {
    dtype: (param) => (param.kind === "vector" ? "f32" : stored(param)),
    bytes: (param) => storedCount(param) * BYTES[stored(param)],
  };
}

/** As the headers of a checkpoint say: see `Blueprint.weights`. */
export function checkpointStorage(plans: readonly Plan[]): Storage {
  const by = new Map(plans.map((plan) => [plan.param, plan]));
  return {
    dtype: (param) => by.get(param)?.dtype ?? "f32",
    bytes: (param) => sum((by.get(param)?.sources ?? []).map(sizeOf)),
  };
}

const sizeOf = (source: TensorInfo | number): number =>
  typeof source === "number" ? 0 : source.end - source.begin;

/** Elements of a Param that are in the files: all but the zeros for what is absent. */
export const storedCount = ({ parts, shape }: Param): number =>
  count(shape) - sum(parts.map((part) => (part.name === null ? (part.shape[0] ?? 0) : 0)));

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
