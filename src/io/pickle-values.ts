/** What a pickle of torch.save may be made of. */
import { pickleError } from "./pickle-reader.ts";
import { STORED_BYTES, type StoredDType } from "./safetensors.ts";

/** A run of elements in the file, which tensors may share. */
export interface TorchStorage {
  /** The name of its bytes in the file. */
  readonly key: string;
  readonly dtype: StoredDType;
  /** Elements. */
  readonly length: number;
}

export const storageBytes = ({ dtype, length }: TorchStorage): number => length * STORED_BYTES[dtype];

/** Element i₀, i₁, … is number offset + Σ iₙ·stridesₙ of the storage, and all lie within it. */
export class TorchTensor {
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: TorchStorage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }

  get dtype(): StoredDType {
    return this.storage.dtype;
  }
}

export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | TorchTensor
  | TorchValue[]
  | Set<TorchValue>
  | Map<TorchValue, TorchValue>;

/** A Python name that is known here. */
export class Named {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** What lies on the stack while a pickle is read. */
export type Item =
  | Exclude<TorchValue, TorchValue[] | Set<TorchValue> | Map<TorchValue, TorchValue>>
  | Named
  | TorchStorage
  | Item[]
  | Set<Item>
  | Map<Item, Item>;

/** The types of storages; torch writes an untyped one's length in bytes. */
export const STORAGES: ReadonlyMap<string, StoredDType> = new Map([
  ["torch.DoubleStorage", "F64"],
  ["torch.FloatStorage", "F32"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.LongStorage", "I64"],
  ["torch.IntStorage", "I32"],
  ["torch.ShortStorage", "I16"],
  ["torch.CharStorage", "I8"],
  ["torch.ByteStorage", "U8"],
  ["torch.BoolStorage", "BOOL"],
  ["torch.storage.UntypedStorage", "U8"],
]);

type Construct = (args: readonly Item[]) => Item;

/** Python names that may be called, and what we make of their arguments; the builtins are as protocols 2 and 3 name them. */
export const CONSTRUCTORS: ReadonlyMap<string, Construct> = new Map<string, Construct>([
  ["collections.OrderedDict", ([pairs = []]) => new Map(list(pairs).map(pair))],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_parameter", ([tensor]) => parameter(tensor)],
  ["torch.Size", ([sizes = []]) => [...list(sizes)]],
  ["torch.device", ([type]) => text(type)],
  ["__builtin__.set", ([items = []]) => new Set(list(items))],
  ["builtins.set", ([items = []]) => new Set(list(items))],
  ["__builtin__.frozenset", ([items = []]) => new Set(list(items))],
  ["builtins.frozenset", ([items = []]) => new Set(list(items))],
  ["_codecs.encode", latin1],
]);

/** A storage out of a persistent id: ("storage", type, key, device, length), and None in the layout before 1.6. */
export function toStorage(id: Item): TorchStorage {
  const [tag, type, key, , length, view = null] = list(id);
  const dtype = type instanceof Named ? STORAGES.get(type.name) : undefined;
  if (tag !== "storage" || !dtype) throw pickleError("a storage of tensors", "another persistent object");
  if (view !== null)
    throw pickleError("a storage of its own", "part of another; save the file again with a newer torch.save");
  return { key: text(key), dtype, length: count(length) };
}

/** The largest rank that PyTorch allows. */
const MAX_RANK = 64;

function rebuildTensor([storage, offset, size, stride]: readonly Item[]): TorchTensor {
  const [shape, strides] = [list(size), list(stride)];
  if (!isStorage(storage) || shape.length !== strides.length || shape.length > MAX_RANK)
    throw pickleError("a tensor's storage, and a stride for each dimension", "others");
  const tensor = new TorchTensor(storage, count(offset), shape.map(count), strides.map(count));
  if (!Number.isSafeInteger(tensor.shape.reduce((size, n) => size * n, STORED_BYTES[tensor.dtype])))
    throw pickleError("a tensor of fewer than 2^53 bytes", `one of [${tensor.shape.join(", ")}]`);
  const last = tensor.shape.reduce((at, n, i) => at + (n - 1) * tensor.strides[i]!, tensor.offset);
  if (!tensor.shape.includes(0) && last >= storage.length)
    throw pickleError(
      `a tensor within the ${storage.length} elements of storage '${storage.key}'`,
      `[${tensor.shape.join(", ")}] up to element ${last}`,
    );
  return tensor;
}

function parameter(tensor: Item | undefined): TorchTensor {
  if (!(tensor instanceof TorchTensor)) throw pickleError("a tensor in a parameter", "something else");
  return tensor;
}

/** How protocol 2, which has no bytes, writes them: text whose characters are the bytes. */
function latin1([chars, encoding]: readonly Item[]): Uint8Array {
  const codes = Array.from(text(chars), (char) => char.codePointAt(0)!);
  if (encoding !== "latin1" || codes.some((code) => code > 255)) throw pickleError("bytes as latin1", "text");
  return Uint8Array.from(codes);
}

const isStorage = (item: Item | undefined): item is TorchStorage =>
  typeof item === "object" && item !== null && "key" in item;

function list(item: Item | undefined): Item[] {
  if (!Array.isArray(item)) throw pickleError("a list or a tuple", "something else");
  return item;
}

function pair(item: Item): [Item, Item] {
  const [key, value] = list(item);
  if (key === undefined || value === undefined) throw pickleError("pairs of key and value", "others");
  return [key, value];
}

function text(item: Item | undefined): string {
  if (typeof item !== "string") throw pickleError("text", `a ${typeof item}`);
  return item;
}

function count(item: Item | undefined): number {
  if (!Number.isSafeInteger(item) || (item as number) < 0)
    throw pickleError("a whole number of at least 0", `${typeof item === "number" ? item : typeof item}`);
  return item as number;
}
