/** One file of weights, safetensors or torch.save, as tensors whose bytes are still in it. */
import { TorchTensor, type TorchValue } from "./pickle.ts";
import { parseHeader, STORED_BYTES, type TensorInfo } from "./safetensors.ts";
import type { ByteSource } from "./source.ts";
import { readTorch, storageEntry, type TorchFile, TorchFileError } from "./torch-file.ts";
import { entryBegin, type ZipEntry } from "./zip.ts";

export interface WeightFile {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What stands beside the tensors: a safetensors file's metadata, or other values of the dict that was saved. */
  readonly extra: ReadonlyMap<string, TorchValue>;
}

/** Where training states keep the state dict. */
const STATE_DICTS = ["model", "state_dict"];

/**
 * Reads what a file holds, without its tensors' bytes. A file whose name ends in `.safetensors` is one; any other is of
 * torch.save: a state dict, or a dict that has one under `model` or `state_dict`.
 * @throws SafetensorsError, TorchFileError, ZipError, PickleError, SourceError
 */
export async function readWeightFile(source: ByteSource, name: string): Promise<WeightFile> {
  if (name.endsWith(".safetensors")) {
    const { tensors, metadata } = await parseHeader(source);
    return { tensors, extra: new Map(Object.entries(metadata)) };
  }
  const file = await readTorch(source);
  const state = stateDict(file.value);
  if (!state)
    throw new TorchFileError(
      `torch: ${source.name}: expected a dict of tensors, alone or under '${STATE_DICTS.join("' or '")}', got none; ` +
        "save model.state_dict()",
    );
  return { tensors: await tensorInfos(file, state, source), extra: beside(file.value, state) };
}

type Dict = ReadonlyMap<TorchValue, TorchValue>;

const isDict = (value: TorchValue | undefined): value is Map<TorchValue, TorchValue> => value instanceof Map;

function stateDict(value: TorchValue): Dict | undefined {
  if (!isDict(value)) return undefined;
  const candidates = [...STATE_DICTS.map((key) => value.get(key)).filter(isDict), value];
  return candidates.find((dict) => [...dict.values()].some((item) => item instanceof TorchTensor));
}

const beside = (value: TorchValue, state: Dict): Map<string, TorchValue> =>
  new Map(
    [...(isDict(value) ? value : [])].flatMap(([key, item]) =>
      typeof key !== "string" || item === state || item instanceof TorchTensor ? [] : [[key, item] as const],
    ),
  );

/** Headers looked up at a time. */
const ABREAST = 8;

/** Tensors that share a storage (tied weights, views) share its bytes. */
async function tensorInfos(
  file: TorchFile,
  state: Dict,
  source: ByteSource,
): Promise<ReadonlyMap<string, TensorInfo>> {
  const named = [...state].flatMap(([name, tensor]) =>
    typeof name === "string" && tensor instanceof TorchTensor ? [{ name, tensor }] : [],
  );
  const scattered = named.filter(({ tensor }) => !isContiguous(tensor));
  if (scattered.length)
    throw new TorchFileError(
      `torch: ${source.name}: expected each tensor's elements in row order, got others in ` +
        `'${scattered.map(({ name }) => name).join("', '")}'; save what contiguous() gives of them`,
    );
  const begins = await dataBegins(new Set(named.map(({ tensor }) => storageEntry(file, tensor.storage))));
  return new Map(
    named.map(({ name, tensor }) => {
      const { dtype, shape, offset, storage } = tensor;
      const size = STORED_BYTES[dtype];
      const begin = begins.get(storageEntry(file, storage))! + offset * size;
      const end = begin + shape.reduce((product, n) => product * n, size);
      return [name, { name, dtype, shape, source, begin, end }];
    }),
  );
}

/** Whether a tensor's elements follow each other row by row; the stride of a dimension of 1 means nothing. */
function isContiguous({ shape, strides }: TorchTensor): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    if (shape[dim] !== 1 && strides[dim] !== expected) return false;
    expected *= shape[dim]!;
  }
  return true;
}

async function dataBegins(entries: ReadonlySet<ZipEntry>): Promise<Map<ZipEntry, number>> {
  const begins = new Map<ZipEntry, number>();
  const left = [...entries];
  while (left.length)
    await Promise.all(
      left.splice(0, ABREAST).map(async (entry) => begins.set(entry, await entryBegin(entry))),
    );
  return begins;
}
