import { bytesOfF32, sha256 } from "../io/hash.ts";
import { encodeSafetensors, parseHeader, readTensor, SafetensorsError } from "../io/safetensors.ts";
import { memorySource } from "../io/source.ts";
import { RunError } from "./errors.ts";
import type { LearnState, StepReport } from "./learn.ts";

/** A step as the log has it. */
export interface LogLine extends StepReport {
  readonly tokensPerSecond: number;
  readonly bytes: number; // of GPU memory held
  /** The metric's value, in percent, where the step was followed by a validation. */
  readonly validation?: number;
}

/** The mask that validation liked best so far. */
export interface Best {
  readonly step: number;
  /** Of the run's metric. */
  readonly value: number;
  readonly logits: Float32Array; // [L·H]
}

/** All that a run needs to go on as if it had never stopped. */
export interface RunState extends LearnState {
  readonly best?: Best;
  /** Validations since the best one. */
  readonly misses: number;
  /** The step's line, where it is done but its validation is not. */
  readonly owed?: LogLine;
}

const TENSORS = ["logits", "mean", "square", "best"] as const;

/** What of a state is no tensor, as the file's metadata holds it in JSON. */
interface Numbers {
  readonly step: number;
  readonly lambda: number;
  readonly misses: number;
  readonly owed?: LogLine;
  readonly best?: { readonly step: number; readonly value: number };
}

/** A checkpoint: safetensors with `logits`, `mean`, `square` and perhaps `best`, F32 [L·H], and a SHA-256 of it all. */
export async function encodeState({
  step,
  lambda,
  misses,
  owed,
  best,
  logits,
  moments,
}: RunState): Promise<Uint8Array<ArrayBuffer>> {
  const numbers: Numbers = {
    step,
    lambda,
    misses,
    ...(owed && { owed }),
    ...(best && { best: { step: best.step, value: best.value } }),
  };
  const state = JSON.stringify(numbers);
  const tensors = { logits, ...moments, ...(best && { best: best.logits }) };
  const stored = Object.entries(tensors).map(([name, values]) => ({
    name,
    dtype: "F32" as const,
    shape: [values.length],
    bytes: bytesOfF32(values),
  }));
  return encodeSafetensors(stored, { state, sha256: await digest(state, tensors) });
}

/**
 * @param name for messages
 * @param heads L·H
 * @throws RunError for a file that is damaged, or of another number of heads
 */
export async function decodeState(
  bytes: Uint8Array<ArrayBuffer>,
  name: string,
  heads: number,
): Promise<RunState> {
  const bad = (got: string) => new RunError(`run: ${name}: expected a sound checkpoint, got ${got}`);
  try {
    const header = await parseHeader(memorySource(name, bytes));
    const tensors: Partial<Record<string, Float32Array>> = {};
    for (const key of TENSORS) {
      const info = header.tensors.get(key);
      if (info) tensors[key] = new Float32Array((await readTensor(info)).buffer);
    }
    const { state = "", sha256: stated } = header.metadata;
    if (stated !== (await digest(state, tensors))) throw bad("one whose SHA-256 is another");
    const { logits, mean, square, best: kept } = tensors;
    if (!logits || !mean || !square || logits.length !== heads)
      throw bad(`one without ${heads} logits and their moments`);
    const { best, ...numbers } = JSON.parse(state) as Numbers;
    const found = best && kept && { best: { ...best, logits: kept } };
    return { ...numbers, logits, moments: { mean, square }, ...found };
  } catch (error) {
    if (error instanceof SafetensorsError) throw bad(`a damaged file (${error.message})`);
    throw error;
  }
}

const digest = (state: string, tensors: Readonly<Partial<Record<string, Float32Array>>>): Promise<string> =>
  sha256(
    new TextEncoder().encode(state),
    ...TENSORS.flatMap((name) => (tensors[name] ? [bytesOfF32(tensors[name])] : [])),
  );
