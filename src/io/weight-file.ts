/** One file of weights, safetensors or torch.save, as tensors whose bytes are still in it. */
import { TorchTensor, type TorchValue } from "./pickle.ts";
import { parseHeader, type TensorInfo } from "./safetensors.ts";
import type { ByteSource } from "./source.ts";
import { locateTensor, readTorch, type TorchFile, TorchFileError } from "./torch-file.ts";

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
  return { tensors: await locateTensors(file, state), extra: beside(file.value, state) };
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

/** Storages looked up at a time. */
const ABREAST = 8;

/** Tensors that share a storage (tied weights, views) share its bytes. */
async function locateTensors(file: TorchFile, state: Dict): Promise<ReadonlyMap<string, TensorInfo>> {
  const named = [...state].flatMap(([name, tensor]) =>
    typeof name === "string" && tensor instanceof TorchTensor ? [{ name, tensor }] : [],
  );
  const located = new Map<string, TensorInfo>();
  for (let i = 0; i < named.length; i += ABREAST) {
    const some = named.slice(i, i + ABREAST).map(({ name, tensor }) => locateTensor(file, name, tensor));
    for (const info of await Promise.all(some)) located.set(info.name, info);
  }
  return located;
}
