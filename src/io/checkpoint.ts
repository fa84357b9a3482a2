/** A model's weights as Hugging Face lays them out (one file, or shards named by an index), or in a file of any name. */
import type { TorchValue } from "./pickle.ts";
import type { TensorInfo } from "./safetensors.ts";
import { type ByteSource, type Folder, MAX_SLICE, SourceError } from "./source.ts";
import { readWeightFile, type WeightFile } from "./weight-file.ts";

/** The first that is there is read. */
const LAYOUTS = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
];

/** What a checkpoint holds is not what it should hold; `problems` has one line for each thing that is wrong. */
export class CheckpointError extends Error {
  override name = "CheckpointError";
  constructor(
    message: string,
    readonly problems: readonly string[] = [],
  ) {
    super([message, ...listing(problems)].join("\n"));
  }
}

const LISTED = 20;

function listing(problems: readonly string[]): string[] {
  const lines = problems.slice(0, LISTED).map((problem) => `  ${problem}`);
  return problems.length > LISTED ? [...lines, `  … and ${problems.length - LISTED} more`] : lines;
}

export interface Checkpoint {
  /** Folder path or URL, for messages. */
  readonly name: string;
  /** By the names in the files. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The files' names and their bytes. */
  readonly files: ReadonlyMap<string, number>;
  /**
   * 16 hex digits that tell this model from another, from a fine-tuned copy of it and from the same weights in another
   * type: SHA-256 over every tensor, sorted by name: its name, dtype and shape, and 16 bytes each from its start, middle
   * and end. It does not depend on how the tensors are spread over files, nor on their order there.
   */
  fingerprint(): Promise<string>;
  close(): Promise<void>;
}

/** A checkpoint in one file. */
export interface FileCheckpoint extends Checkpoint {
  /** What the file holds beside its tensors: a safetensors file's metadata, a training state's `cfg` or `epoch`. */
  readonly extra: ReadonlyMap<string, TorchValue>;
}

/**
 * Opens the checkpoint in a folder and reads its headers, no weights: model.safetensors or pytorch_model.bin, or the
 * shards that either's index names.
 * @throws CheckpointError when files are missing or the shards disagree with the index; what a file that is not sound
 *   gives (see `openCheckpointFile`)
 */
export const openCheckpoint = (folder: Folder): Promise<Checkpoint> =>
  opening(folder, async (read) => ({ name: folder.name, tensors: await readFolder(folder, read) }));

/**
 * Opens one file of a folder and reads its header, no weights: safetensors, or what torch.save wrote (a state dict,
 * alone or as `model` or `state_dict` of a training state).
 * @throws SafetensorsError, TorchFileError, ZipError, PickleError, SourceError
 */
export const openCheckpointFile = (folder: Folder, file: string): Promise<FileCheckpoint> =>
  opening(folder, async (read) => ({ name: `${folder.name}/${file}`, ...(await read(file)) }));

/** Whether there is a checkpoint to be opened. */
export const hasCheckpoint = async (folder: Folder): Promise<boolean> =>
  (await Promise.all(LAYOUTS.map((file) => folder.has(file)))).some(Boolean);

type ReadFile = (file: string) => Promise<WeightFile>;

/** A checkpoint of what `find` reads; the files are closed with it, or when it fails. */
async function opening<C extends { name: string; tensors: ReadonlyMap<string, TensorInfo> }>(
  folder: Folder,
  find: (read: ReadFile) => Promise<C>,
): Promise<C & Checkpoint> {
  const open: ByteSource[] = [];
  const close = async () => {
    await Promise.all(open.map((source) => source.close()));
  };
  try {
    const found = await find(async (file) => {
      const source = await folder.open(file);
      open.push(source);
      return readWeightFile(source, file);
    });
    let print: Promise<string> | undefined;
    return {
      ...found,
      files: new Map(open.map(({ name, size }) => [name, size])),
      fingerprint() {
        print ??= fingerprint(found.tensors);
        return print;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readFolder(folder: Folder, read: ReadFile): Promise<ReadonlyMap<string, TensorInfo>> {
  for (const file of LAYOUTS)
    if (await folder.has(file))
      return file.endsWith(".json") ? readShards(folder, file, read) : (await read(file)).tensors;
  throw new CheckpointError(
    `checkpoint: expected ${LAYOUTS.slice(0, -1).join(", ")} or ${LAYOUTS.at(-1)} in ${folder.name}, got none`,
  );
}

async function readShards(
  folder: Folder,
  indexFile: string,
  read: ReadFile,
): Promise<ReadonlyMap<string, TensorInfo>> {
  const index = parseIndex(`${folder.name}/${indexFile}`, await folder.text(indexFile));
  const shards = [...new Set(index.values())].sort();
  const present = await Promise.all(shards.map((shard) => folder.has(shard)));
  const absent = shards.filter((_, i) => !present[i]);
  if (absent.length)
    throw new CheckpointError(
      `checkpoint: expected the ${shards.length} shards that ${indexFile} names in ${folder.name}, got ${shards.length - absent.length}`,
      absent.map((shard) => `missing: ${shard}`),
    );
  const headers = await Promise.allSettled(shards.map(read));
  const tensors = new Map<string, TensorInfo>();
  const problems: string[] = [];
  for (const [i, result] of headers.entries()) {
    if (result.status === "rejected") throw result.reason;
    for (const [name, info] of result.value.tensors) {
      const twin = tensors.get(name);
      if (twin) problems.push(`in two shards: ${name}, in ${twin.source.name} and ${info.source.name}`);
      else if ((index.get(name) ?? shards[i]) !== shards[i])
        problems.push(`in another shard: ${name}, expected in ${index.get(name)}, got in ${shards[i]}`);
      tensors.set(name, info);
    }
  }
  for (const [name, shard] of index)
    if (!tensors.has(name)) problems.push(`missing: ${name}, expected in ${shard}`);
  if (problems.length)
    throw new CheckpointError(
      `checkpoint: expected the shards of ${folder.name} to hold what ${indexFile} says, got`,
      problems,
    );
  return tensors;
}

/** Tensor name → shard. */
function parseIndex(name: string, text: string): Map<string, string> {
  let map: unknown;
  try {
    map = JSON.parse(text).weight_map;
  } catch {
    map = undefined;
  }
  const entries = typeof map === "object" && map !== null ? Object.entries(map) : [];
  if (entries.length === 0 || entries.some(([, shard]) => typeof shard !== "string"))
    throw new CheckpointError(`checkpoint: expected JSON with a weight_map in ${name}, got something else`);
  return new Map(entries);
}

export interface SliceOptions {
  /** Slices hold whole rows of this many bytes; by default whole elements are up to the caller (1 byte). */
  rowBytes?: number;
  /** Most bytes of a slice, at most MAX_SLICE. */
  limit?: number;
  /** The buffer to read the next slice into; by default a new one for each. */
  into?: () => Uint8Array<ArrayBuffer>;
  signal?: AbortSignal;
}

/** A tensor's bytes in order; `offset` counts from the tensor's start. */
export async function* slices(
  info: TensorInfo,
  { rowBytes = 1, limit = MAX_SLICE, into, signal }: SliceOptions = {},
): AsyncGenerator<{ offset: number; bytes: Uint8Array<ArrayBuffer> }> {
  const step = Math.floor(limit / rowBytes) * rowBytes;
  if (step === 0)
    throw new SourceError(`read: expected rows of at most ${limit} bytes in '${info.name}', got ${rowBytes}`);
  const size = info.end - info.begin;
  for (let offset = 0; offset < size; offset += step) {
    const length = Math.min(step, size - offset);
    yield { offset, bytes: await info.source.read(info.begin + offset, length, { into: into?.(), signal }) };
  }
}

/** Bytes of one sample; a tensor up to WHOLE bytes is read at once, since over HTTP a round trip costs more. */
const SAMPLE = 16;
const WHOLE = 65_536;
/** Tensors sampled at a time. */
const ABREAST = 8;

/** See `Checkpoint.fingerprint`. */
export async function fingerprint(tensors: ReadonlyMap<string, TensorInfo>): Promise<string> {
  if (!globalThis.crypto?.subtle)
    throw new SourceError(
      "fingerprint: expected SHA-256 from the platform, got none; serve the page over https or from localhost",
    );
  const sorted = [...tensors.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let i = 0; i < sorted.length; i += ABREAST)
    parts.push(...(await Promise.all(sorted.slice(i, i + ABREAST).map(describe))).flat());
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return Array.from(new Uint8Array(digest, 0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function describe(info: TensorInfo): Promise<Uint8Array<ArrayBuffer>[]> {
  const { name, dtype, shape, source, begin, end } = info;
  const label = new TextEncoder().encode(`${JSON.stringify(name)} ${dtype} [${shape}]\n`);
  const size = end - begin;
  if (size <= 3 * SAMPLE) return [label, await source.read(begin, size)];
  const offsets = [0, Math.floor((size - SAMPLE) / 2), size - SAMPLE];
  if (size > WHOLE)
    return [label, ...(await Promise.all(offsets.map((at) => source.read(begin + at, SAMPLE))))];
  const whole = await source.read(begin, size);
  return [label, ...offsets.map((at) => whole.slice(at, at + SAMPLE))];
}
