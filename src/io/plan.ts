/** Compares what a model declares with what a checkpoint holds, before a byte of weights is read. */
import { count, type DType } from "../gpu/tensor.ts";
import { type Checkpoint, CheckpointError } from "./checkpoint.ts";
import { leaves, type Param, type Part, type Tree } from "./params.ts";
import type { StoredDType, TensorInfo } from "./safetensors.ts";

export interface PlanOptions {
  /** A name in the checkpoint → the name that the model declares, where a family has two generations of names. */
  rename?: (name: string) => string;
  /** Tensors that the checkpoint may hold though the model does not use them. */
  ignore?: (name: string) => boolean;
}

/** How one Param is filled. */
export interface Plan {
  readonly param: Param;
  readonly label: string;
  readonly dtype: DType;
  /** In order: a stored tensor, or a number of zero elements. */
  readonly sources: readonly (TensorInfo | number)[];
}

/** One plan for each Param of the tree. Throws CheckpointError that lists all missing, extra and mis-shaped tensors. */
export function planWeights(checkpoint: Checkpoint, tree: Tree, options: PlanOptions = {}): Plan[] {
  const { rename = (name) => name, ignore = () => false } = options;
  const problems: string[] = [];
  const stored = new Map<string, TensorInfo>();
  for (const info of checkpoint.tensors.values()) {
    const name = rename(info.name);
    const twin = stored.get(name);
    if (twin) problems.push(`twice: ${name}, as ${twin.name} and ${info.name}`);
    stored.set(name, info);
  }
  const params = leaves(tree);
  const declared = new Set<string | null>();
  const plans: Plan[] = [];
  for (const [param, label] of params) {
    const wrong: string[] = [];
    for (const part of param.parts) {
      declared.add(part.name);
      wrong.push(...checkPart(part, stored));
    }
    if (wrong.length === 0) wrong.push(...checkRows(param, stored));
    if (wrong.length === 0) plans.push(makePlan(param, label, stored));
    problems.push(...wrong);
  }
  for (const [name, info] of stored)
    if (!declared.has(name) && !ignore(name)) problems.push(`extra: ${info.name} ${show(info.shape)}`);
  if (problems.length)
    throw new CheckpointError(
      `checkpoint: expected the tensors of this model in ${checkpoint.name}, got ${problems.length} that differ`,
      problems,
    );
  return plans;
}

const show = (shape: readonly (number | null)[]): string => `[${shape.map((n) => n ?? "rows").join(", ")}]`;

function checkPart({ name, shape }: Part, stored: ReadonlyMap<string, TensorInfo>): string[] {
  if (name === null) return [];
  const info = stored.get(name);
  if (!info) return [`missing: ${name} ${show(shape)}`];
  const fits = info.shape.length === shape.length && shape.every((n, i) => n === null || n === info.shape[i]);
  return fits ? [] : [`mis-shaped: ${info.name}, expected ${show(shape)}, got ${show(info.shape)}`];
}

/** The parts of a fused matrix must add up to its rows; absent parts share what the others leave. */
function checkRows(param: Param, stored: ReadonlyMap<string, TensorInfo>): string[] {
  const left = rowsLeft(param, stored);
  const absent = param.parts.filter(({ name }) => name === null).length;
  if (left === 0 || (absent > 0 && left > 0 && left % absent === 0)) return [];
  const parts = param.parts.map(({ name }) =>
    name === null ? "zeros" : `${name} ${show(stored.get(name)!.shape)}`,
  );
  return [
    `mis-shaped: ${parts.join(" + ")}, expected ${param.shape[0]} rows in all, got ${param.shape[0]! - left}`,
  ];
}

function rowsLeft(param: Param, stored: ReadonlyMap<string, TensorInfo>): number {
  const width = count(param.shape.slice(1)); // of a row, whatever the shape in which the checkpoint keeps a part
  const rows = param.parts.map(({ name, shape }) =>
    name === null ? (shape[0] ?? 0) : count(stored.get(name)!.shape) / width,
  );
  return param.shape[0]! - rows.reduce((a, b) => a + b, 0);
}

function makePlan(param: Param, label: string, stored: ReadonlyMap<string, TensorInfo>): Plan {
  const absent = param.parts.filter(({ name }) => name === null).length;
  const shared = rowsLeft(param, stored) / absent;
  const width = param.kind === "matrix" ? param.shape[1]! : 1;
  const sources = param.parts.map(({ name, shape }) =>
    name === null ? (shape[0] ?? shared) * width : stored.get(name)!,
  );
  const types = new Set(sources.flatMap((source) => (typeof source === "number" ? [] : [source.dtype])));
  const [type] = types;
  const kept = param.kind !== "vector" && types.size === 1 ? KEPT[type!] : undefined;
  return { param, label, dtype: kept ?? "f32", sources };
}

/** The stored types that the kernels read as they are. */
const KEPT: Partial<Record<StoredDType, DType>> = { F32: "f32", F16: "f16", BF16: "bf16" };
