import type { Store } from "../io/store.ts";
import { RunError } from "./errors.ts";
import type { HeadMask } from "./head-mask.ts";
import type { LearnSettings } from "./learn-settings.ts";
import { writeMask } from "./mask-file.ts";
import { decodeState, encodeState, type LogLine, type RunState } from "./run-state.ts";

/** What decides a run's outcome, but for the length of validated answers; a run goes on only with the same. */
export interface RunConfig {
  /** Where the model was loaded from: it may have moved since, the fingerprint counts. */
  readonly model: string;
  readonly fingerprint: string;
  /** The GPU's name; on another a run goes on, but its mask may come out another. */
  readonly adapter: string;
  /** SHA-256 of all that is learned from. */
  readonly data: string;
  readonly task: string | null;
  readonly prompt: string;
  /** All of it but `keepBytes`, which may change: it is only about memory. */
  readonly settings: LearnSettings;
  readonly validation: {
    /** SHA-256 of the rows. */
    readonly data: string;
    readonly metric: string;
    readonly every: number;
    readonly patience: number | null;
  } | null;
}

const CONFIG = "config.json";
const LOG = "log.jsonl";
const CHECKPOINT = /^checkpoints\/([0-9]+)\.safetensors$/;
const LAST = "mask.safetensors";
const BITS = "mask.bits";
const BEST = "best.safetensors";
const KEPT = 2; // checkpoints: one may be damaged

/**
 * A run of learning in a folder: `config.json`, `log.jsonl` (a line a step), `checkpoints/NNNNNN.safetensors` (the last
 * two), `mask.safetensors`, `mask.bits`, and `best.safetensors` where there is validation.
 */
export class RunFolder {
  #kept: number[]; // steps of the checkpoints, the newest first

  private constructor(
    readonly store: Store,
    readonly config: RunConfig,
    /** What to go on from; undefined at the beginning. */
    readonly state: RunState | undefined,
    /** What a person should know about how it was opened. */
    readonly notes: readonly string[],
  ) {
    this.#kept = state ? [state.step] : [];
  }

  /**
   * Begins a run, or goes on with the one in the store: from its newest sound checkpoint, the log cut back to that step.
   *
   * @param heads L·H
   * @throws RunError when there is a run and `resume` is not said, or it is another run, or has no sound checkpoint;
   * SourceError
   */
  static async open(
    store: Store,
    config: RunConfig,
    heads: number,
    { resume = false }: { readonly resume?: boolean } = {},
  ): Promise<RunFolder> {
    if (!resume) await RunFolder.checkNew(store);
    const before = await store.read(CONFIG);
    if (!before) {
      if (await hasRun(store))
        throw new RunError(
          `run: expected ${CONFIG} in ${store.name}, got a run's files without it; choose another folder`,
        );
      await store.write(CONFIG, encode(`${JSON.stringify(config, null, 2)}\n`));
      const notes = resume ? [`run: nothing to resume in ${store.name}; a new run begins`] : [];
      return new RunFolder(store, config, undefined, notes);
    }
    const { adapter } = checkSame(store.name, parse(before), config);
    const notes: string[] = [];
    if (adapter !== config.adapter)
      notes.push(
        `run: begun on ${adapter}, it goes on with ${config.adapter}: its mask may differ from that one's`,
      );
    const state = await newest(store, heads, notes);
    const run = new RunFolder(store, config, state, notes);
    await run.#cutLog(state ? stepsDone(state) : 0);
    return run;
  }

  /** @throws RunError when the store has a run */
  static async checkNew(store: Store): Promise<void> {
    if (await hasRun(store))
      throw new RunError(
        `run: expected no run in ${store.name}, got one; add --resume to go on with it, or choose another folder`,
      );
  }

  /** Steps of the last checkpoint; 0 when there is none. */
  get safe(): number {
    return this.#kept[0] ?? 0;
  }

  /** The steps so far; a line that is torn or none of ours is left out. */
  log(): Promise<LogLine[]> {
    return readLog(this.store);
  }

  append(line: LogLine): Promise<void> {
    return this.store.append(LOG, encode(`${JSON.stringify(line)}\n`));
  }

  /** Keeps a state to go on from; when that fails, those before are still there. */
  async checkpoint(state: RunState): Promise<void> {
    await this.store.write(checkpointPath(state.step), await encodeState(state));
    this.#kept = [state.step, ...this.#kept.filter((step) => step !== state.step)].slice(0, KEPT);
    const kept = this.#kept.map(checkpointPath);
    for (const path of await this.store.list())
      if (CHECKPOINT.test(path) && !kept.includes(path)) await this.store.remove(path);
  }

  /** `mask.safetensors` and `mask.bits`. */
  async writeMask(mask: HeadMask): Promise<void> {
    await this.store.write(LAST, writeMask(mask));
    await this.store.write(BITS, mask.toBits());
  }

  writeBest(mask: HeadMask): Promise<void> {
    return this.store.write(BEST, writeMask(mask));
  }

  /** The lines of steps after the checkpoint are of steps that will be done again. */
  async #cutLog(step: number): Promise<void> {
    const before = await this.store.read(LOG);
    if (!before) return;
    const lines = (await this.log()).filter((line) => line.step <= step);
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    if (text !== new TextDecoder().decode(before)) await this.store.write(LOG, encode(text));
  }
}

/**
 * What a run has come to, without going on with it: its newest sound checkpoint, if any, and the steps up to it.
 *
 * @param heads L·H
 * @throws RunError when all checkpoints are damaged, SourceError
 */
export async function readRun(
  store: Store,
  heads: number,
): Promise<{ readonly state?: RunState; readonly log: readonly LogLine[] }> {
  const state = await newest(store, heads, []);
  const done = state ? stepsDone(state) : 0;
  return { ...(state && { state }), log: (await readLog(store)).filter(({ step }) => step <= done) };
}

async function readLog(store: Store): Promise<LogLine[]> {
  const bytes = (await store.read(LOG)) ?? new Uint8Array();
  return new TextDecoder()
    .decode(bytes)
    .split("\n")
    .map((line) => parse(line))
    .filter((value): value is LogLine => isObject(value) && Number.isInteger(value.step));
}

/** Steps that are done altogether: learned, and validated where that is due. */
export const stepsDone = ({ step, owed }: RunState): number => (owed ? step - 1 : step);

const encode = (text: string) => new TextEncoder().encode(text);

/** Masks count too: a new run would write over them. */
const hasRun = async (store: Store): Promise<boolean> =>
  (await store.list()).some(
    (path) => [CONFIG, LOG, LAST, BITS, BEST].includes(path) || CHECKPOINT.test(path),
  );

const checkpointPath = (step: number) => `checkpoints/${String(step).padStart(6, "0")}.safetensors`;

/** The newest checkpoint that is sound; undefined when there is none at all. */
async function newest(store: Store, heads: number, notes: string[]): Promise<RunState | undefined> {
  const steps = (await store.list()).flatMap((path) => CHECKPOINT.exec(path)?.[1] ?? []).map(Number);
  for (const step of steps.sort((a, b) => b - a)) {
    const path = checkpointPath(step);
    try {
      return await decodeState((await store.read(path)) ?? new Uint8Array(), path, heads);
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      notes.push(`${error.message}; the one before is used`);
    }
  }
  if (steps.length === 0) return undefined;
  throw new RunError(
    `run: expected a sound checkpoint in ${store.name}, got ${steps.length} damaged ones; delete its folder ` +
      `checkpoints to begin anew (${notes.map((note) => note.replace(/;.*/, "")).join("; ")})`,
  );
}

/** @throws RunError that names every difference */
function checkSame(folder: string, before: unknown, now: RunConfig): { readonly adapter?: unknown } {
  if (!isObject(before) || !isObject(before.settings))
    throw new RunError(`run: expected ${folder}/${CONFIG} to describe a run, got something else; delete it`);
  const [old, own] = [decisive(before), decisive(now)];
  const differences = [...new Set([...old.keys(), ...own.keys()])]
    .filter((name) => old.get(name) !== own.get(name))
    .map((name) => `${name} ${short(old.get(name))} instead of ${short(own.get(name))}`);
  if (differences.length > 0)
    throw new RunError(
      `run: expected ${folder} to hold this run, got another (${differences.join(", ")}); ` +
        "resume it with what it began with, or choose another folder",
    );
  return before;
}

/** A value for people: a SHA-256 by its beginning. */
const short = (value = "none") => value.replace(/^"([0-9a-f]{12})[0-9a-f]{52}"$/, "$1…");

const FREE = ["model", "adapter", "settings.keepBytes"];

/** The values that a run depends on, by their paths such as `settings.rate.peak`. */
function decisive(value: object, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, inner] of Object.entries(value)) {
    const name = path + key;
    if (FREE.includes(name) || inner === null) continue;
    if (isObject(inner)) for (const [k, v] of decisive(inner, `${name}.`)) found.set(k, v);
    else found.set(name, JSON.stringify(inner));
  }
  return found;
}

/** JSON, or undefined. */
function parse(text: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof text === "string" ? text : new TextDecoder().decode(text)) as unknown;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
