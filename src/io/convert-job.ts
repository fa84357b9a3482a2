/** Whose a folder of converted weights is: `convert.json` says it until all is there. */
import { hasHeader } from "./convert-shard.ts";
import { ConvertError } from "./convert-values.ts";
import type { Shard } from "./shards.ts";
import type { Store } from "./store.ts";

/** What decides the files that come out. */
export interface ConvertJob {
  /** Of the source. */
  readonly fingerprint: string;
  readonly dtype: string | null;
  readonly shardBytes: number;
}

const JOB = "convert.json";

/**
 * Takes the folder for a conversion: a new one, or that which was interrupted there.
 *
 * @returns whether it was finished before
 * @throws ConvertError when something else is there; SourceError
 */
export async function beginConversion(
  out: Store,
  job: ConvertJob,
  shards: readonly Shard[],
  small: readonly string[],
): Promise<boolean> {
  const before = await out.read(JOB);
  if (before) {
    checkSame(out.name, new TextDecoder().decode(before), job);
    return false;
  }
  const present = await out.list();
  if (present.length === 0) {
    await out.write(JOB, new TextEncoder().encode(`${JSON.stringify(job, null, 2)}\n`));
    return false;
  }
  const absent = small.filter((file) => !present.includes(file));
  if (absent.length === 0 && (await haveHeaders(out, shards))) return true;
  const named = present.length > 3 ? `${present.slice(0, 3).join(", ")}, …` : present.join(", ");
  throw new ConvertError(
    `convert: expected an empty folder or this conversion in ${out.name}, got other files (${named}); ` +
      "choose another folder",
  );
}

export const endConversion = (out: Store): Promise<void> => out.remove(JOB);

/** @throws ConvertError that names every difference */
function checkSame(folder: string, text: string, job: ConvertJob): void {
  let before: Partial<Record<string, unknown>>;
  try {
    before = Object(JSON.parse(text));
  } catch {
    before = {};
  }
  const differences = Object.entries(job)
    .filter(([key, value]) => before[key] !== value)
    .map(([key, value]) => `${key} ${before[key] ?? "none"} instead of ${value ?? "none"}`);
  if (differences.length > 0)
    throw new ConvertError(
      `convert: expected ${folder} to hold this conversion, unfinished, got another (${differences.join(", ")}); ` +
        "choose another folder, or delete this one",
    );
}

/** Whether every shard is there, with its header, in which the source's fingerprint stands. */
async function haveHeaders(out: Store, shards: readonly Shard[]): Promise<boolean> {
  for (const shard of shards) {
    const source = await out.open(shard.file);
    try {
      if (!source || !(await hasHeader(source, shard))) return false;
    } finally {
      await source?.close();
    }
  }
  return true;
}
