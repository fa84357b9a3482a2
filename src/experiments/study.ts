import { readFile } from "#files";
import { decodeText } from "../io/source.ts";
import type { HeadMask } from "../mask/head-mask.ts";
import { type MaskShape, readMask } from "../mask/mask-file.ts";
import { DataError, describeBad, parseDataset, type Row, resolvePath } from "../tasks/dataset.ts";
import type { Format } from "../tasks/following.ts";
import { METRICS, type TextMetric } from "../tasks/metrics.ts";

/** A mask and what it is called in tables. */
export interface NamedMask {
  readonly name: string;
  readonly mask: HeadMask;
}

/** A task to be measured: clips with their right answers, and the ways to ask for it. */
export interface StudyTask {
  readonly name: string;
  /** What it asks, in a word or two. */
  readonly title: string;
  readonly rows: readonly Row[];
  /** What the rows' relative paths count from. */
  readonly folder: string;
  readonly metric: TextMetric;
  /** The form of a composite's answer, and what its parts are scored by; none of a single task. */
  readonly format?: Format<TextMetric>;
  /** The instruction in its usual words. */
  readonly instruction: string;
  /** Other words for it, by kind. */
  readonly wordings: ReadonlyMap<string, readonly string[]>;
  /** Learned masks, one a seed; the first is the one that single figures are about. */
  readonly masks: readonly NamedMask[];
  /** Of a composite: the names of its two single tasks. */
  readonly of?: readonly [string, string];
  /** Sounds by voices that no mask was learned from, by the path that the rows give. */
  readonly unseen: ReadonlySet<string>;
  /** Said with the results, such as that the model was never trained for it. */
  readonly note?: string;
}

/** What is studied: a task file and all that it names, read. */
export interface Study {
  readonly title: string;
  readonly tasks: readonly StudyTask[];
  /** Rows that cannot be used, in words. */
  readonly warnings: readonly string[];
}

/** A study that is malformed. */
export class StudyError extends Error {
  override name = "StudyError";
}

/** What a study.json says of a task; paths count from its folder. */
interface TaskFile {
  readonly title: string;
  readonly data: string;
  readonly metric?: TextMetric;
  readonly format?: Format<TextMetric>;
  readonly instruction: string;
  readonly wordings?: Readonly<Record<string, readonly string[]>>;
  readonly masks?: readonly string[];
  readonly of?: readonly [string, string];
  readonly unseen?: readonly string[];
  readonly note?: string;
}

/**
 * Reads a study.json: `{"title", "tasks": {NAME: {"title", "data", "instruction", "metric"?, "format"?, "wordings"?,
 * "masks"?, "of"?, "unseen"?, "note"?}}}`.
 *
 * @param shape of bare masks, which do not tell it
 * @throws StudyError, DataError, MaskError, SourceError, each naming the file
 */
export async function readStudy(path: string, shape?: MaskShape): Promise<Study> {
  const folder = path.replace(/[^/\\]*$/, "");
  const at = (file: string) => resolvePath(folder || ".", file);
  const json = parse(path, decodeText(path, await readFile(path)));
  const warnings: string[] = [];
  const tasks: StudyTask[] = [];
  for (const [name, file] of Object.entries(json.tasks)) {
    checkTask(path, name, file);
    const data = parseDataset(decodeText(at(file.data), await readFile(at(file.data))), at(file.data));
    const bad = describeBad(data);
    if (bad) warnings.push(bad);
    if (data.rows.length === 0)
      throw new DataError(`data: ${data.name}: expected a row that can be used, got none`);
    tasks.push({
      name,
      title: file.title,
      rows: data.rows,
      folder: at(file.data).replace(/[/\\]?[^/\\]*$/, "") || ".",
      metric: file.metric ?? "exact",
      ...(file.format && { format: file.format }),
      instruction: file.instruction,
      wordings: new Map(Object.entries(file.wordings ?? {})),
      masks: await readMasks((file.masks ?? []).map(at), shape),
      ...(file.of && { of: file.of }),
      unseen: new Set(file.unseen ?? []),
      ...(file.note && { note: file.note }),
    });
  }
  return { title: json.title, tasks, warnings };
}

async function readMasks(paths: readonly string[], shape: MaskShape | undefined): Promise<NamedMask[]> {
  const masks: NamedMask[] = [];
  for (const path of paths)
    masks.push({ name: nameOf(path), mask: await readMask(await readFile(path), path, shape) });
  return masks;
}

/** A mask file's name without folder and ending; the published ones are all called checkpoint.pth, in folders that say more. */
export function nameOf(path: string): string {
  const [file, folder] = path.split(/[/\\]/).reverse();
  const stem = file!.replace(/\.[^.]*$/, "");
  return /^(checkpoint|mask|best)$/.test(stem) && folder ? folder : stem;
}

interface StudyFile {
  readonly title: string;
  readonly tasks: Readonly<Record<string, TaskFile>>;
}

function parse(path: string, text: string): StudyFile {
  let json: Partial<StudyFile> | null = null;
  try {
    json = JSON.parse(text) as Partial<StudyFile> | null;
  } catch {
    // said below
  }
  if (typeof json?.title === "string" && isObject(json.tasks) && Object.keys(json.tasks).length > 0)
    return json as StudyFile;
  throw new StudyError(
    `study: expected ${path} to be JSON with a 'title' and 'tasks', got something else; see models/demo/study.json`,
  );
}

function checkTask(path: string, name: string, task: TaskFile): void {
  const fail = (expected: string, got: unknown): never => {
    throw new StudyError(
      `study: ${path}: ${name}: expected ${expected}, got ${JSON.stringify(got) ?? "nothing"}`,
    );
  };
  for (const key of ["title", "data", "instruction"] as const)
    if (typeof task[key] !== "string") fail(`'${key}' to be a string`, task[key]);
  const { metric = "exact", masks = [], of = [], unseen = [], wordings = {} } = task;
  if (!Object.hasOwn(METRICS, metric))
    fail(`'metric' to be one of ${Object.keys(METRICS).join(", ")}`, metric);
  for (const [key, list] of Object.entries({ masks, of, unseen, ...wordings }))
    if (!Array.isArray(list) || list.some((item) => typeof item !== "string"))
      fail(`'${key}' to be a list of strings`, list);
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
