import { existsSync } from "node:fs";
import { appendFile, readFile, writeFileAtomic } from "#files";
import { decodeText } from "../io/source.ts";
import type { Evaluated } from "../tasks/evaluate.ts";

/** What decides an evaluation's answers; the first line of its results. */
export interface ResultsHeader {
  /** The model's fingerprint. */
  readonly model: string;
  /** SHA-256 of the data file. */
  readonly data: string;
  /** The instruction to all rows; null: each row's own question, or none. */
  readonly prompt: string | null;
  /** SHA-256 of the mask's bits; null without a mask. */
  readonly mask: string | null;
  /** null: the model's own. */
  readonly maxNewTokens: number | null;
}

/** A file that holds no results, or those of another evaluation. */
export class ResultsError extends Error {
  override name = "ResultsError";
}

const NEWLINE = 10;

/** JSON Lines of results, each written as soon as it is known: the same evaluation goes on where it was interrupted. */
export class ResultsFile {
  private constructor(
    private readonly path: string,
    /** The results in the file, by row. */
    readonly done: ReadonlyMap<number, Evaluated>,
  ) {}

  /**
   * Opens the results of the evaluation that the header describes, or begins them. A last line that was cut short is
   * dropped.
   *
   * @throws ResultsError for a file of other results, or of something else; SourceError
   */
  static async open(path: string, header: ResultsHeader): Promise<ResultsFile> {
    const bytes = existsSync(path) ? await readFile(path) : new Uint8Array();
    if (bytes.length === 0) {
      await writeFileAtomic(path, encode(JSON.stringify({ ahamask: "eval", ...header })));
      return new ResultsFile(path, new Map());
    }
    const whole = bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1);
    const [found, ...lines] = decodeText(path, whole).trimEnd().split("\n");
    checkHeader(path, found!, header);
    const results = lines.map((line, i) => parseResult(path, line, i + 2));
    if (whole.length < bytes.length) await writeFileAtomic(path, whole);
    return new ResultsFile(path, new Map(results.map((result) => [result.row, result])));
  }

  append(result: Evaluated): Promise<void> {
    return appendFile(this.path, encode(JSON.stringify(result)));
  }
}

const encode = (line: string) => new TextEncoder().encode(`${line}\n`);

const other = (path: string, got: string) =>
  new ResultsError(
    `results: expected '${path}' to hold an evaluation's results, got '${got}'; choose another --out`,
  );

function checkHeader(path: string, line: string, header: ResultsHeader): void {
  const found = parse(line);
  if (found?.ahamask !== "eval") throw other(path, line.slice(0, 40));
  const differences = (Object.keys(header) as (keyof ResultsHeader)[])
    .filter((key) => found[key] !== header[key])
    .map((key) => `${key} ${JSON.stringify(found[key] ?? null)} instead of ${JSON.stringify(header[key])}`);
  if (differences.length > 0)
    throw new ResultsError(
      `results: expected '${path}' to hold results of this evaluation, got those of another ` +
        `(${differences.join(", ")}); choose another --out, or delete it`,
    );
}

function parseResult(path: string, line: string, at: number): Evaluated {
  const found = parse(line);
  const { row, hypothesis, reference } = found ?? {};
  if (Number.isInteger(row) && typeof hypothesis === "string" && typeof reference === "string")
    return found as unknown as Evaluated;
  throw new ResultsError(
    `results: ${path}: expected a result in line ${at}, got '${line.slice(0, 40)}'; delete that line`,
  );
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
