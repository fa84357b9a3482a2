import { stat } from "node:fs/promises";
import { openFolder } from "#files";
import type { DType } from "../gpu/index.ts";
import { type Checkpoint, hasCheckpoint } from "../io/checkpoint.ts";
import { leaves, type Param } from "../io/params.ts";
import type { Plan } from "../io/plan.ts";
import type { Folder } from "../io/source.ts";
import { type Blueprint, blueprint } from "../model/blueprint.ts";
import { ConfigError } from "../model/fields.ts";
import { openModelFiles } from "../model/open-model.ts";
import { PUBLISHED, type Published } from "../model/published.ts";
import { checkpointStorage, type Storage, statedStorage } from "../tasks/storage.ts";

/** A file to be downloaded. */
export interface PlannedFile {
  readonly name: string;
  /** Parts that are read of it. */
  readonly parts: readonly string[];
  /** Bytes that are read of it. */
  readonly neededBytes: number | null;
  /** Bytes of all its tensors; a file is longer by a header. */
  readonly tensorBytes: number | null;
  /** Bytes of the file; `null` where they are not known. */
  readonly bytes: number | null;
}

/** What is planned for. */
export interface Subject {
  readonly name: string;
  readonly blueprint: Blueprint;
  readonly storage: Storage;
  readonly files: readonly PlannedFile[];
}

/**
 * A published model by its name here, or what a folder, a URL or a YAML says.
 *
 * @param dtype to be planned for as if it were converted
 * @throws ConfigError for an unknown name, and whatever is wrong with the files
 */
export async function findSubject(from: string, dtype: DType | undefined): Promise<Subject> {
  const published: Published | undefined = Object.entries(PUBLISHED).find(([name]) => name === from)?.[1];
  if (published) return publishedSubject(published, dtype);
  if (!/[\\/]/.test(from) && !(await stat(from).catch(() => undefined))) throw unknown(from);
  const isYaml = /\.ya?ml$/i.test(from);
  const folder = isYaml ? undefined : openFolder(from);
  if (folder && (await folder.has("config.json")) && !(await hasCheckpoint(folder))) {
    const b = blueprint(await folder.text("config.json"));
    return converted(folder.name, b, dtype);
  }
  const { name, config, checkpoint, texts } = await openModelFiles(from);
  try {
    const b = blueprint(config);
    const plans = b.weights(checkpoint);
    if (dtype) return converted(name, b, dtype);
    const files = [...filesOf(b, plans, checkpoint), ...(await textFiles(texts))];
    return { name, blueprint: b, storage: checkpointStorage(plans), files };
  } finally {
    await checkpoint.close();
  }
}

function publishedSubject({ title, config, files }: Published, dtype: DType | undefined): Subject {
  const b = blueprint(config);
  if (dtype) return converted(title, b, dtype);
  const storage = statedStorage(b);
  const planned = files.map(({ name, parts, bytes, tensorBytes }): PlannedFile => {
    const neededBytes = parts.length ? bytesOf(b, storage, parts) : (bytes ?? null);
    return { name, parts, neededBytes, tensorBytes: tensorBytes ?? neededBytes, bytes: bytes ?? null };
  });
  return { name: title, blueprint: b, storage, files: planned };
}

/** The model as `ahamask convert` writes it. */
function converted(name: string, b: Blueprint, dtype: DType | undefined): Subject {
  const storage = statedStorage(b, dtype);
  const parts = b.parts.map((part) => part.name);
  const bytes = bytesOf(b, storage, parts);
  const file = { name: "model-*.safetensors", parts, neededBytes: bytes, tensorBytes: bytes, bytes: null };
  return { name, blueprint: b, storage, files: [file] };
}

const bytesOf = (b: Blueprint, storage: Storage, parts: readonly string[]): number =>
  sum(
    b.parts
      .filter(({ name }) => parts.includes(name))
      .flatMap(({ stored }) => [...leaves(stored).keys()].map((param) => storage.bytes(param))),
  );

/** The files that a checkpoint's tensors lie in. */
function filesOf(b: Blueprint, plans: readonly Plan[], checkpoint: Checkpoint): PlannedFile[] {
  const partOf = new Map<Param, string>(
    b.parts.flatMap(({ name, stored }) => [...leaves(stored).keys()].map((param) => [param, name] as const)),
  );
  const files = new Map(
    [...checkpoint.files].map(([name, size]) => [
      name,
      { parts: new Set<string>(), needed: 0, size, tensors: 0 },
    ]),
  );
  for (const { source, begin, end } of checkpoint.tensors.values())
    files.get(source.name)!.tensors += end - begin;
  for (const { param, sources } of plans)
    for (const info of sources) {
      if (typeof info === "number") continue;
      const file = files.get(info.source.name)!;
      file.parts.add(partOf.get(param)!);
      file.needed += info.end - info.begin;
    }
  const short = (name: string, folders: number) =>
    name
      .split(/[\\/]/)
      .slice(-1 - folders)
      .join("/");
  const names = [...files.keys()].map((name) => short(name, 0));
  const unique = new Set(names).size === names.length;
  return [...files].map(([name, { parts, needed, size, tensors }]) => ({
    name: short(name, unique ? 0 : 1),
    parts: [...parts],
    neededBytes: needed,
    tensorBytes: tensors,
    bytes: size,
  }));
}

/** What is read beside the weights, where it is there. */
const TEXTS = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "chat_template.jinja",
  "chat_template.json",
];

async function textFiles(folder: Folder): Promise<PlannedFile[]> {
  const sizes = await Promise.all(
    TEXTS.map(async (name) => {
      if (!(await folder.has(name))) return [];
      const source = await folder.open(name);
      await source.close();
      return [{ name, parts: [], neededBytes: source.size, tensorBytes: null, bytes: source.size }];
    }),
  );
  return sizes.flat();
}

function unknown(name: string): ConfigError {
  const names = Object.keys(PUBLISHED);
  const near = names.find(
    (known) => known.startsWith(name.toLowerCase()) || distance(known, name.toLowerCase()) <= 4,
  );
  return new ConfigError(
    `plan: expected a model's folder, its URL, a YAML, or one of ${names.join(", ")}, got '${name}'` +
      (near ? `; did you mean ${near}?` : "; `ahamask plan --help` shows examples"),
  );
}

/** Letters to be put in, taken out or changed (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + Number(letter !== other)));
    row = next;
  }
  return row[b.length]!;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
