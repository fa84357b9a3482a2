/** Data sets: which sound files there are, and what the right answer about each is. */

/** A file that is no data set. */
export class DataError extends Error {
  override name = "DataError";
}

/** A clip and the answer to learn or to compare with. */
export interface Row {
  /** Its place in the file, counted from 1: the line, or the index in `annotation`. */
  readonly row: number;
  /** One or more sound files, as the data file writes them, to be joined: see `loadClip`. */
  readonly audio: readonly string[];
  /** The right answer. */
  readonly text: string;
  readonly task?: string;
  /** The row's own instruction. */
  readonly question?: string;
}

/** A row that cannot be used, and why. */
export interface BadRow {
  /** Counted from 1, as `Row.row`. */
  readonly row: number;
  readonly reason: string;
}

export interface DataSet {
  /** For messages. */
  readonly name: string;
  readonly rows: readonly Row[];
  readonly bad: readonly BadRow[];
}

export interface DataOptions {
  /** The most characters of an answer; a row with more is bad. */
  readonly maxChars?: number;
}

/** What a format calls the parts of a row. */
interface Keys {
  readonly audio: string;
  readonly more: string;
  readonly question: string;
}

const LINES: Keys = { audio: "audio", more: "audio", question: "question" };
const PUBLISHED: Keys = { audio: "path", more: "expand_wav", question: "Q" };

const FORMATS =
  'JSON Lines of {"audio", "text", "task"?, "question"?} or {"annotation": [{"path", "text", …}]}';

/**
 * Reads a data set: JSON Lines of `{"audio", "text", "task"?, "question"?}`, where `audio` is a file or a list of files,
 * or one object `{"annotation": [{"path", "text", "task"?, "Q"?, "expand_wav"?}]}`, as SALMONN's and AHAMask's data sets
 * are written. Other keys are ignored. A row that cannot be used is listed in `bad`; none is dropped silently.
 *
 * @param name for messages
 * @throws DataError for what is neither format
 */
export function parseDataset(text: string, name: string, options: DataOptions = {}): DataSet {
  const rows: Row[] = [];
  const bad: BadRow[] = [];
  for (const { row, read, keys } of records(text, name)) {
    try {
      rows.push({ row, ...checkRow(read(), keys, options) });
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      bad.push({ row, reason: error.message });
    }
  }
  return { name, rows, bad };
}

/** Why one row is bad; never leaves this file. */
class RowError extends Error {}

interface Unread {
  readonly row: number;
  readonly read: () => unknown;
  readonly keys: Keys;
}

/** The rows of either format, not yet looked at. */
function records(text: string, name: string): Unread[] {
  const fail = (got: string): never => {
    throw new DataError(`data: ${name}: expected ${FORMATS}, got ${got}; see models/demo/data for examples`);
  };
  if (text.trim() === "") fail("an empty file");
  const whole = parse(text);
  if (isObject(whole) && "annotation" in whole) {
    const { annotation } = whole;
    if (!Array.isArray(annotation)) return fail(`an annotation that is ${describe(annotation)}`);
    return annotation.map((value, i) => ({ row: i + 1, read: () => value, keys: PUBLISHED }));
  }
  if (/^\s*\{\s*"annotation"/.test(text)) fail("an annotation that is cut short or no JSON");
  if (/^\s*\[/.test(text)) fail("a list");
  const lines = text
    .split(/\r?\n/)
    .map((line, i) => ({ line, row: i + 1 }))
    .filter(({ line }) => line.trim() !== "");
  if (!lines.some(({ line }) => isObject(parse(line)))) fail("no line with a JSON object");
  const read = (line: string) => () => {
    const value = parse(line);
    if (value === undefined) throw new RowError("expected JSON, got something else");
    return value;
  };
  return lines.map(({ line, row }) => ({ row, read: read(line), keys: LINES }));
}

/** JSON, or undefined. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function checkRow(value: unknown, keys: Keys, { maxChars = Infinity }: DataOptions): Omit<Row, "row"> {
  if (!isObject(value)) throw new RowError(`expected an object, got ${describe(value)}`);
  const { text } = value;
  if (typeof text !== "string") throw new RowError(`expected 'text' to be a string, got ${describe(text)}`);
  if (text.trim() === "") throw new RowError("expected a text, got an empty one");
  const chars = [...text].length;
  if (chars > maxChars) throw new RowError(`expected a text of at most ${maxChars} characters, got ${chars}`);
  const task = optional(value, "task");
  const question = optional(value, keys.question);
  return { audio: audioFiles(value, keys), text, ...(task && { task }), ...(question && { question }) };
}

function audioFiles(value: Readonly<Record<string, unknown>>, { audio, more }: Keys): string[] {
  const first = value[audio];
  const files = audio === more ? [first].flat() : [first, ...[value[more] ?? []].flat()];
  const wrong = files.findIndex((file) => typeof file !== "string" || file.trim() === "");
  if (files.length === 0 || wrong === 0)
    throw new RowError(`expected '${audio}' to name a file, got ${describe(first)}`);
  if (wrong > 0) throw new RowError(`expected '${more}' to be a list of files, got ${describe(value[more])}`);
  return files as string[];
}

function optional(value: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const found = value[key];
  if (found === undefined || found === null || typeof found === "string") return found || undefined;
  throw new RowError(`expected '${key}' to be a string, got ${describe(found)}`);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value as messages show it. */
function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

const NAMED = 3; // bad rows that a message names

/** The bad rows of a data set in a sentence, the first few with their reasons; undefined when there are none. */
export function describeBad({ name, rows, bad }: DataSet): string | undefined {
  if (bad.length === 0) return undefined;
  const named = bad.slice(0, NAMED).map(({ row, reason }) => `row ${row}: ${reason}`);
  if (bad.length > NAMED) named.push(`and ${bad.length - NAMED} more`);
  return `data: ${name}: ${bad.length} of ${rows.length + bad.length} rows cannot be used: ${named.join("; ")}`;
}

/** A path as a data file writes it, seen from where the program runs: relative ones count from the data file's folder. */
export function resolvePath(folder: string, path: string): string {
  const absolute = /^([\\/]|[A-Za-z]:[\\/]|[a-z]+:\/\/)/.test(path);
  if (absolute || folder === "" || folder === ".") return path;
  return `${folder.replace(/\/$/, "")}/${path.replace(/^(\.\/)+/, "")}`;
}
