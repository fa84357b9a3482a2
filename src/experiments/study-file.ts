import type { Format } from "../tasks/following.ts";
import { METRICS, type TextMetric } from "../tasks/metrics.ts";
import type { Table } from "./findings.ts";

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

/** A study.json; paths count from its folder. */
export interface StudyFile {
  readonly title: string;
  readonly published?: string;
  readonly tasks: Readonly<Record<string, TaskFile>>;
}

/** A file of published figures; each table's source and how it was checked are said below it. */
export interface PublishedFile {
  readonly source: string;
  readonly checked: string;
  readonly tables: Readonly<Record<string, Omit<Table, "note">>>;
}

/** @throws StudyError */
export function parseStudy(path: string, text: string): StudyFile {
  const json = parse<StudyFile>(
    text,
    ({ title, tasks }) => typeof title === "string" && isObject(tasks) && Object.keys(tasks).length > 0,
  );
  if (!json)
    throw new StudyError(
      `study: expected ${path} to be JSON with a 'title' and 'tasks', got something else; see models/demo/study.json`,
    );
  const names = Object.keys(json.tasks);
  for (const [name, task] of Object.entries(json.tasks)) checkTask(path, names, name, task);
  const titles = Object.values(json.tasks).map(({ title }) => title);
  const twice = titles.find((title, i) => titles.indexOf(title) !== i);
  if (twice !== undefined)
    throw new StudyError(
      `study: expected tasks of ${path} to have titles of their own, got '${twice}' twice`,
    );
  return json;
}

/** @throws StudyError */
export function parsePublished(path: string, text: string): PublishedFile {
  const json = parse<PublishedFile>(text, ({ source, checked, tables }) => {
    const said = typeof source === "string" && typeof checked === "string";
    return said && isObject(tables) && Object.values(tables).every(isTable);
  });
  if (json) return json;
  throw new StudyError(
    `study: expected ${path} to be JSON with 'source', 'checked' and 'tables', got something else; see models/demo/paper.json`,
  );
}

/** The text as JSON; undefined if it is none, or `fits` says that it is another. */
function parse<T>(text: string, fits: (json: Partial<T>) => boolean): T | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isObject(json) && fits(json as Partial<T>) ? (json as T) : undefined;
  } catch {
    return undefined;
  }
}

function checkTask(path: string, names: readonly string[], name: string, task: TaskFile): void {
  const fail = (expected: string, got: unknown): never => {
    throw new StudyError(
      `study: ${path}: ${name}: expected ${expected}, got ${JSON.stringify(got) ?? "nothing"}`,
    );
  };
  if (!isObject(task)) fail("an object", task);
  for (const key of ["title", "data", "instruction"] as const)
    if (typeof task[key] !== "string") fail(`'${key}' to be a string`, task[key]);
  const { metric = "exact", format, masks = [], of = [], unseen = [], wordings = {} } = task;
  if (!Object.hasOwn(METRICS, metric))
    fail(`'metric' to be one of ${Object.keys(METRICS).join(", ")}`, metric);
  for (const [key, list] of [...Object.entries({ masks, of, unseen }), ...Object.entries(wordings)])
    if (!Array.isArray(list) || list.some((item) => typeof item !== "string"))
      fail(`'${key}' to be a list of strings`, list);
  if (format && !isFormat(format))
    fail("'format' to have a separator and parts, or keys, each with a 'metric'", format);
  if (of.length > 0 && (of.length !== 2 || of.some((other) => other === name || !names.includes(other))))
    fail("'of' to name two tasks of the study", of);
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function isFormat(format: Partial<{ separator: unknown; parts: unknown; keys: unknown }>): boolean {
  const [parts, fits] =
    "separator" in format
      ? [format.parts, typeof format.separator === "string" && Array.isArray(format.parts)]
      : [format.keys, isObject(format.keys)];
  return fits && Object.values(parts as object).every((part) => Object.hasOwn(METRICS, part?.metric ?? ""));
}

const isTable = (table: unknown): boolean => {
  const { title, columns, rows } = (isObject(table) ? table : {}) as Partial<Table>;
  const fits = (row: unknown) => Array.isArray(row) && row.length === columns!.length;
  return typeof title === "string" && Array.isArray(columns) && Array.isArray(rows) && rows.every(fits);
};
