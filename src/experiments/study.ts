import { readFile } from "#files";
import { decodeText } from "../io/source.ts";
import type { HeadMask } from "../mask/head-mask.ts";
import { type MaskShape, readMask } from "../mask/mask-file.ts";
import { DataError, describeBad, parseDataset, type Row, resolvePath } from "../tasks/dataset.ts";
import type { Format } from "../tasks/following.ts";
import type { TextMetric } from "../tasks/metrics.ts";
import type { Table } from "./findings.ts";
import { parsePublished, parseStudy } from "./study-file.ts";

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
  /** What others have measured, by the name of the experiment that it is to be read beside. */
  readonly published: ReadonlyMap<string, Table>;
  /** Rows that cannot be used, in words. */
  readonly warnings: readonly string[];
}

/**
 * Reads a study.json: `{"title", "published"?, "tasks": {NAME: {"title", "data", "instruction", "metric"?, "format"?,
 * "wordings"?, "masks"?, "of"?, "unseen"?, "note"?}}}`.
 *
 * @param shape of bare masks, which do not tell it
 * @throws StudyError, DataError, MaskError, SourceError, each naming the file
 */
export async function readStudy(path: string, shape?: MaskShape): Promise<Study> {
  const folder = path.replace(/[^/\\]*$/, "");
  const at = (file: string) => resolvePath(folder || ".", file);
  const json = parseStudy(path, decodeText(path, await readFile(path)));
  const published = json.published === undefined ? new Map() : await readPublished(at(json.published));
  const warnings: string[] = [];
  const tasks: StudyTask[] = [];
  for (const [name, file] of Object.entries(json.tasks)) {
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
  return { title: json.title, tasks, published, warnings };
}

async function readPublished(path: string): Promise<Map<string, Table>> {
  const { source, checked, tables } = parsePublished(path, decodeText(path, await readFile(path)));
  const note = `${source}. ${checked}`;
  return new Map(Object.entries(tables).map(([name, table]) => [name, { ...table, note }]));
}

/** Reads masks, each under a name of its own. @throws SourceError, MaskError */
export async function readMasks(paths: readonly string[], shape?: MaskShape): Promise<NamedMask[]> {
  const names = namesOf(paths);
  const masks: NamedMask[] = [];
  for (const [i, path] of paths.entries())
    masks.push({ name: names[i]!, mask: await readMask(await readFile(path), path, shape) });
  return masks;
}

/**
 * What files of masks are called: without folder and ending, as long as that tells them apart. The published ones are all
 * called checkpoint.pth, in folders that say more.
 */
export function namesOf(paths: readonly string[]): string[] {
  const parts = paths.map((path) => path.replace(/\.[^./\\]*$/, "").split(/[/\\]/));
  const short = parts.map((all) => {
    const [stem = "", folder] = [...all].reverse();
    return /^(checkpoint|mask|best)$/.test(stem) && folder ? folder : stem;
  });
  const isOne = (name: string) => short.indexOf(name) === short.lastIndexOf(name);
  return short.map((name, i) => (isOne(name) ? name : parts[i]!.slice(-2).join("/")));
}
