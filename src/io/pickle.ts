/**
 * Reads what torch.save pickles, without being able to run anything: a stack machine over the opcodes of protocols 2 to
 * 5, where a name of Python stands for one of the few constructors below or is refused. Plain values and tensors come
 * out; a tensor says where its elements lie and nothing is read of them here.
 * Format: the opcodes in Python's Lib/pickletools.py; tensors: torch/_utils.py, torch/serialization.py.
 */
import { ByteReader, pickleError } from "./pickle-reader.ts";
import {
  CONSTRUCTORS,
  type Item,
  Named,
  STORAGES,
  type TorchStorage,
  type TorchValue,
  toStorage,
} from "./pickle-values.ts";

export { PickleError } from "./pickle-reader.ts";
export { storageBytes, type TorchStorage, TorchTensor, type TorchValue } from "./pickle-values.ts";

/** The most objects (and opcodes) of a file; those it shares count each time they are used. */
export const MAX_OBJECTS = 4_000_000;

/** A dict, a set or a call counts as this many: an empty one takes 200 bytes, where a list takes 16. */
const HEAVY = 8;

/** The deepest that lists, tuples, dicts and sets may lie in each other. */
export const MAX_DEPTH = 100;

export interface Unpickled {
  readonly value: TorchValue;
  /** All that the pickle names, by key. */
  readonly storages: ReadonlyMap<string, TorchStorage>;
  /** Where the pickle ends. */
  readonly end: number;
}

/**
 * The value of a pickle: None is null; int a number, beyond 2^53 a bigint; tuple, list and torch.Size an array;
 * dict and OrderedDict a Map, in their order; torch.device its name. Attributes set on an object are dropped.
 * @param from where it begins
 * @throws PickleError for any other Python name, an opcode torch.save does not write, more than MAX_OBJECTS or MAX_DEPTH,
 * a value that contains itself, and damage
 */
export function unpickle(bytes: Uint8Array, from = 0): Unpickled {
  const machine = new Unpickler(bytes.subarray(from));
  const value = machine.run();
  checkPlain(value, 0, new Map());
  return { value: value as TorchValue, storages: machine.storages, end: from + machine.at };
}

type Action = (machine: Unpickler) => void;

class Unpickler {
  static readonly #OPCODES: ReadonlyMap<number, Action> = new Map<number, Action>([
    [0x80, (m) => m.#protocol(m.#in.uint(1))], // PROTO
    [0x95, (m) => m.#in.length(8)], // FRAME: only a hint of how much to read ahead
    [0x28, (m) => m.#marks.push(m.#stack.length)], // MARK
    [0x30, (m) => m.#pop()], // POP
    [0x31, (m) => m.#popMark()], // POP_MARK
    [0x4e, (m) => m.#push(null)], // NONE
    [0x88, (m) => m.#push(true)], // NEWTRUE
    [0x89, (m) => m.#push(false)], // NEWFALSE
    [0x4a, (m) => m.#push(m.#in.uint(4) | 0)], // BININT
    [0x4b, (m) => m.#push(m.#in.uint(1))], // BININT1
    [0x4d, (m) => m.#push(m.#in.uint(2))], // BININT2
    [0x8a, (m) => m.#push(m.#in.long(m.#in.uint(1)))], // LONG1
    [0x8b, (m) => m.#push(m.#in.long(m.#in.uint(4)))], // LONG4
    [0x47, (m) => m.#push(m.#in.float())], // BINFLOAT
    [0x8c, (m) => m.#push(m.#in.text(m.#in.length(1)))], // SHORT_BINUNICODE
    [0x58, (m) => m.#push(m.#in.text(m.#in.length(4)))], // BINUNICODE
    [0x8d, (m) => m.#push(m.#in.text(m.#in.length(8)))], // BINUNICODE8
    [0x43, (m) => m.#push(m.#in.take(m.#in.length(1)).slice())], // SHORT_BINBYTES
    [0x42, (m) => m.#push(m.#in.take(m.#in.length(4)).slice())], // BINBYTES
    [0x8e, (m) => m.#push(m.#in.take(m.#in.length(8)).slice())], // BINBYTES8
    [0x96, (m) => m.#push(m.#in.take(m.#in.length(8)).slice())], // BYTEARRAY8
    [0x5d, (m) => m.#push([])], // EMPTY_LIST
    [0x29, (m) => m.#push([])], // EMPTY_TUPLE
    [0x7d, (m) => m.#pushHeavy(new Map())], // EMPTY_DICT
    [0x8f, (m) => m.#pushHeavy(new Set())], // EMPTY_SET
    [0x85, (m) => m.#push(m.#popMany(1))], // TUPLE1
    [0x86, (m) => m.#push(m.#popMany(2))], // TUPLE2
    [0x87, (m) => m.#push(m.#popMany(3))], // TUPLE3
    [0x74, (m) => m.#push(m.#popMark())], // TUPLE
    [0x91, (m) => m.#pushHeavy(new Set(m.#popMark()))], // FROZENSET
    [0x61, (m) => m.#append(m.#popMany(1))], // APPEND
    [0x65, (m) => m.#append(m.#popMark())], // APPENDS
    [0x73, (m) => m.#setItems(m.#popMany(2))], // SETITEM
    [0x75, (m) => m.#setItems(m.#popMark())], // SETITEMS
    [0x90, (m) => m.#addItems(m.#popMark())], // ADDITEMS
    [0x68, (m) => m.#recall(m.#in.uint(1))], // BINGET
    [0x6a, (m) => m.#recall(m.#in.uint(4))], // LONG_BINGET
    [0x71, (m) => m.#memo.set(m.#in.uint(1), m.#top())], // BINPUT
    [0x72, (m) => m.#memo.set(m.#in.uint(4), m.#top())], // LONG_BINPUT
    [0x94, (m) => m.#memo.set(m.#memo.size, m.#top())], // MEMOIZE
    [0x63, (m) => m.#push(lookUp(m.#in.line(), m.#in.line()))], // GLOBAL
    [0x69, (m) => m.#refuseInstance()], // INST
    [0x93, (m) => m.#push(lookUp(...(m.#popMany(2) as [Item, Item])))], // STACK_GLOBAL
    [0x52, (m) => m.#reduce()], // REDUCE
    [0x51, (m) => m.#push(m.#known(toStorage(m.#pop())))], // BINPERSID
    [0x62, (m) => m.#build()], // BUILD
  ]);

  readonly storages = new Map<string, TorchStorage>();
  readonly #in: ByteReader;
  readonly #stack: Item[] = [];
  readonly #marks: number[] = []; // heights of the stack
  readonly #memo = new Map<number, Item>();
  #objects = 0;

  constructor(bytes: Uint8Array) {
    this.#in = new ByteReader(bytes);
  }

  run(): Item {
    for (;;) {
      const op = this.#in.uint(1);
      if (op === 0x2e) break; // STOP
      this.#step(op);
    }
    const value = this.#pop();
    if (this.#stack.length > 0) throw pickleError("one value", `${this.#stack.length + 1}`);
    return value;
  }

  /** Bytes read so far. */
  get at(): number {
    return this.#in.at;
  }

  #step(op: number): void {
    const action = Unpickler.#OPCODES.get(op);
    if (!action)
      throw pickleError(
        "an opcode that torch.save writes",
        `0x${op.toString(16).padStart(2, "0")} at byte ${this.#in.at - 1}; save the file again with torch.save`,
      );
    this.#charge(1);
    action(this);
  }

  /** An opcode of protocol 0 that names what it would make. */
  #refuseInstance(): never {
    throw refuse(`${this.#in.line()}.${this.#in.line()}`);
  }

  #protocol(version: number): void {
    if (version < 2 || version > 5) throw pickleError("protocol 2 to 5", `${version}`);
  }

  #push(item: Item): void {
    this.#stack.push(item);
  }

  #pushHeavy(item: Map<Item, Item> | Set<Item>): void {
    this.#charge(HEAVY - 1);
    this.#push(item);
  }

  #charge(objects: number): void {
    this.#objects += objects;
    if (this.#objects > MAX_OBJECTS) throw tooMany();
  }

  /** What lies above the innermost mark stays out of reach until the mark is popped. */
  #popMany(count: number): Item[] {
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) throw damaged("too few values on the stack");
    return this.#stack.splice(this.#stack.length - count);
  }

  #pop(): Item {
    return this.#popMany(1)[0]!;
  }

  #popMark(): Item[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw damaged("no mark on the stack");
    return this.#stack.splice(mark);
  }

  #top(): Item {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw damaged("an empty stack");
    return this.#stack.at(-1)!;
  }

  #recall(index: number): void {
    const item = this.#memo.get(index);
    if (item === undefined) throw damaged(`no object ${index} in the memo`);
    this.#push(item);
  }

  #append(items: Item[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw damaged("items for what is no list");
    for (const item of items) list.push(item);
  }

  #setItems(items: Item[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map) || items.length % 2) throw damaged("items for what is no dict");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  }

  #addItems(items: Item[]): void {
    const set = this.#top();
    if (!(set instanceof Set)) throw damaged("items for what is no set");
    for (const item of items) set.add(item);
  }

  /** The arguments may be shared with earlier calls, so that what each call copies is counted. */
  #reduce(): void {
    const [made, args] = this.#popMany(2);
    const construct = made instanceof Named ? CONSTRUCTORS.get(made.name) : undefined;
    if (!construct) throw pickleError("a call of a constructor", `one of ${describe(made!)}`);
    if (!Array.isArray(args)) throw damaged("a call without arguments");
    this.#charge(args.reduce((sum: number, arg) => sum + lengthOf(arg), HEAVY));
    this.#push(construct(args));
  }

  /** Every tensor must see its storage alike. */
  #known(storage: TorchStorage): TorchStorage {
    const { key, dtype, length } = storage;
    const { dtype: type, length: other } = this.storages.get(key) ?? storage;
    if (type !== dtype || other !== length)
      throw pickleError(`storage '${key}' to have one type and length`, "two; the file is damaged");
    this.storages.set(key, storage);
    return storage;
  }

  /** Attributes: a state_dict's `_metadata` is all that torch.save writes of them. */
  #build(): void {
    this.#pop();
    if (!(this.#top() instanceof Map)) throw pickleError("attributes of a dict only", describe(this.#top()));
  }
}

/** A Python name as the one thing it may stand for. */
function lookUp(module: Item, name: Item): Named {
  if (typeof module !== "string" || typeof name !== "string") throw damaged("a name that is no text");
  const full = `${module}.${name}`;
  if (!CONSTRUCTORS.has(full) && !STORAGES.has(full)) throw refuse(full);
  return new Named(full);
}

const refuse = (name: string) =>
  pickleError(
    "tensors and plain values",
    /^torch\.(b?float|u?int|complex|bool|half|double|long|short)\d*$/.test(name)
      ? `${name}, which is not read here; save it without`
      : `${name.slice(0, 100)}; this file would run code, do not trust it`,
  );

const damaged = (got: string) => pickleError("a whole pickle", `${got}; the file is damaged`);

const tooMany = () =>
  pickleError(`at most ${MAX_OBJECTS} objects`, "more; this is no checkpoint, do not trust it");

const describe = (item: Item): string =>
  item instanceof Named ? item.name : typeof item === "object" ? "an object" : `a ${typeof item}`;

function lengthOf(item: Item): number {
  if (Array.isArray(item) || typeof item === "string") return item.length;
  return item instanceof Set || item instanceof Map ? item.size : 0;
}

/**
 * Refuses what is no value (a type, a storage), too deep, endless, or small only because it is shared.
 * @param sizes objects below each container that has been seen; null while it is being looked at
 * @returns objects in `item`, itself among them
 */
function checkPlain(item: Item, depth: number, sizes: Map<Item, number | null>): number {
  if (item instanceof Named) throw pickleError("tensors and plain values", item.name);
  if (!(Array.isArray(item) || item instanceof Map || item instanceof Set)) {
    if (typeof item === "object" && item !== null && "key" in item)
      throw pickleError("tensors and plain values", "a bare storage");
    return 1;
  }
  if (depth === MAX_DEPTH) throw pickleError(`values at most ${MAX_DEPTH} deep`, "deeper ones");
  const known = sizes.get(item);
  if (known === null) throw pickleError("values that end", "one that contains itself");
  if (known !== undefined) return known;
  sizes.set(item, null);
  let size = 1;
  for (const child of item instanceof Map ? entries(item) : item) size += checkPlain(child, depth + 1, sizes);
  if (size > MAX_OBJECTS) throw tooMany();
  sizes.set(item, size);
  return size;
}

function* entries(dict: Map<Item, Item>): Generator<Item> {
  yield* dict.keys();
  yield* dict.values();
}
