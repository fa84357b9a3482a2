import type { Tensor } from "../gpu/index.ts";
import type { Ops } from "../kernels/index.ts";
import { BeamSearch } from "./beam.ts";
import { GenerateError } from "./errors.ts";
import type { LanguageModel } from "./language-model.ts";
import {
  type Candidates,
  checkSampling,
  forbid,
  logSumExp,
  penalise,
  sample,
  topCandidates,
  uniform,
} from "./sample.ts";
import { type Select, type Sequence, Session } from "./session.ts";

export interface GenerateOptions {
  /** Most tokens of an answer, the stop token included. */
  maxNewTokens: number;
  /** A stop token counts for nothing before so many tokens. Default 0. */
  minNewTokens?: number;
  /** Ids that end an answer. */
  stop: readonly number[];
  /** Beam search with so many beams, as transformers does it. Default 1: greedy, or sampling with a temperature. */
  beams?: number;
  /** Exponent of the length by which a beam's score is divided. Default 1. */
  lengthPenalty?: number;
  /** Whether beam search ends once it has `beams` answers, or goes on while better ones are likely or possible. */
  earlyStopping?: boolean | "never";
  /**
   * Whether to generate as transformers 4.28 does after a prompt of embeddings: for beams see `BeamOptions`; a repetition
   * penalty is for the answer's tokens and the prompt's first. Default false.
   */
  startCounts?: boolean;
  /** Samples when above 0. Default 0: the most likely token. */
  temperature?: number;
  /** Samples among the k most likely tokens only. Default 0: all. */
  topK?: number;
  /** Samples among the most likely tokens that together have this probability. Default 1: all. */
  topP?: number;
  /** Makes tokens that the prompt or the answer already holds less likely when above 1. Default 1. */
  repetitionPenalty?: number;
  /** Of the sampling: equal seeds give equal answers, however the prompts are batched. Default 0. */
  seed?: number;
  /** Whether each token comes with the logits [V] that predicted it. Not for beam search. */
  logits?: boolean;
  signal?: AbortSignal;
}

/** One token of one answer. */
export interface Token {
  readonly row: number; // which prompt
  readonly id: number;
  readonly last: boolean; // a stop token, or the length is reached
  readonly logits?: Float32Array; // [V], before any penalty
}

const AHEAD = 2; // greedy steps submitted before the first of them is read
const MOST_CANDIDATES = 128; // beyond, all logits are read rather than ranked on the GPU

/**
 * Answers a batch of prompts, token by token. Tokens come row by row as they are known; beam search gives an answer
 * whole at its end. Ends early by `return()` or the signal.
 *
 * @param embed makes the packed prompts' embeddings [Σ length, C]
 * @throws GenerateError for bad options or prompts, DeviceLostError; the signal's reason on abort
 */
export async function* generate(
  lm: LanguageModel,
  prompts: readonly Sequence[],
  embed: (ops: Ops, rows: { from: number; to: number }) => Tensor,
  options: GenerateOptions,
): AsyncGenerator<Token> {
  check(lm, prompts, options);
  if ((options.beams ?? 1) === 1) {
    yield* decode(lm, prompts, (ops) => embed(ops, { from: 0, to: prompts.length }), options);
    return;
  }
  for (const [row, prompt] of prompts.entries()) {
    yield* searchBeams(lm, prompt, row, (ops) => embed(ops, { from: row, to: row + 1 }), options);
  }
}

/** Greedy decoding and sampling: every prompt of the batch at once. */
async function* decode(
  lm: LanguageModel,
  prompts: readonly Sequence[],
  embed: (ops: Ops) => Tensor,
  o: GenerateOptions,
): AsyncGenerator<Token> {
  const select = selection(o);
  using session = new Session(lm, prompts, { newTokens: o.maxNewTokens, beams: 1, select });
  const answers = prompts.map((): number[] => []);
  const done = prompts.map(() => false);
  const choose = chooser(lm, prompts, answers, select, o);
  const position = (t: number) => Uint32Array.from(prompts, ({ ids }) => ids.length + t);
  const pending: Promise<ArrayBuffer>[] = [];
  const push = (result: Promise<ArrayBuffer>) => {
    result.catch(() => {}); // it is awaited in its turn; until then a failure is nobody's surprise
    pending.push(result);
  };
  try {
    push(session.prefill(embed));
    for (let t = 0; t < o.maxNewTokens && !done.every(Boolean); t++) {
      o.signal?.throwIfAborted();
      // What argmax chooses is already the next step's input on the GPU: submit on while results travel back.
      const ahead = select.kind === "argmax" ? Math.min(AHEAD, o.maxNewTokens - 1 - t) : 0;
      while (pending.length <= ahead) push(session.step(position(t + pending.length - 1)));
      const chosen = choose(await pending.shift()!);
      for (const [row, { id, logits }] of chosen.entries()) {
        if (done[row]) continue;
        answers[row]!.push(id);
        done[row] = (o.stop.includes(id) && t >= (o.minNewTokens ?? 0)) || t === o.maxNewTokens - 1;
        yield { row, id, last: done[row], ...(logits && { logits }) };
      }
      if (select.kind !== "argmax" && !done.every(Boolean) && t < o.maxNewTokens - 1) {
        push(
          session.step(
            position(t),
            Uint32Array.from(chosen, ({ id }) => id),
          ),
        );
      }
    }
  } finally {
    await Promise.allSettled(pending); // their buffers are in use until then
  }
}

type Choice = { id: number; logits?: Float32Array };

/** Turns what a step brought back into one token a row. */
function chooser(
  lm: LanguageModel,
  prompts: readonly Sequence[],
  answers: readonly number[][],
  select: Select,
  o: GenerateOptions,
): (bytes: ArrayBuffer) => Choice[] {
  const sampling = { temperature: o.temperature ?? 0, topK: o.topK ?? 0, topP: o.topP ?? 1 };
  const pick = (c: Candidates, row: number) =>
    sampling.temperature > 0
      ? // by seed and step alone: what stands beside a prompt in the batch must not change its answer
        sample(c, sampling, uniform(o.seed ?? 0, 0, answers[row]!.length))
      : c.ids[0]!;
  return (bytes) => {
    if (select.kind === "argmax") return Array.from(new Uint32Array(bytes), (id) => ({ id: finite(lm, id) }));
    if (select.kind === "top")
      return candidates(lm, bytes, prompts.length, select.k).map((c, row) => ({ id: pick(c, row) }));
    return rowsOf(new Float32Array(bytes), prompts.length).map((logits, row) => {
      const scores = logits.slice();
      if (o.repetitionPenalty) penalise(scores, said(prompts[row]!, answers[row]!, o), o.repetitionPenalty);
      if (answers[row]!.length < (o.minNewTokens ?? 0)) forbid(scores, o.stop);
      const k = sampling.temperature > 0 ? sampling.topK || scores.length : 1;
      const id = finite(lm, pick(topCandidates(scores, k), row));
      return o.logits ? { id, logits } : { id };
    });
  };
}

/** Beam search for one prompt: the beams share the prompt's rows of the cache and are reordered by their tables. */
async function* searchBeams(
  lm: LanguageModel,
  prompt: Sequence,
  row: number,
  embed: (ops: Ops) => Tensor,
  o: GenerateOptions,
): AsyncGenerator<Token> {
  const beams = o.beams!;
  const search = new BeamSearch({
    beams,
    lengthPenalty: o.lengthPenalty ?? 1,
    earlyStopping: o.earlyStopping ?? false,
    eos: o.stop,
    maxNewTokens: o.maxNewTokens,
    startCounts: o.startCounts ?? false,
  });
  const whole = penalised(o);
  const k = Math.min(search.width + (whole ? o.stop.length : 0), lm.vocab);
  const select: Select = whole ? { kind: "logits" } : { kind: "top", k };
  using session = new Session(lm, [prompt], { newTokens: o.maxNewTokens, beams, select });
  const { capacity, tables } = session;
  let answers: number[][] = [[]];
  const read = (bytes: ArrayBuffer, rows: number): Candidates[] => {
    if (!whole) return candidates(lm, bytes, rows, k).slice(0, answers.length);
    const all = rowsOf(new Float32Array(bytes), rows).slice(0, answers.length);
    return all.map((logits, b) => {
      // transformers penalises a beam's log-probabilities, not its logits
      const lse = logSumExp(logits);
      const scores = logits.map((x) => x - lse);
      if (o.repetitionPenalty) penalise(scores, said(prompt, answers[b]!, o), o.repetitionPenalty);
      if (answers[b]!.length < (o.minNewTokens ?? 0)) forbid(scores, o.stop);
      return topCandidates(scores, k, 0);
    });
  };
  let bytes = await session.prefill(embed);
  for (let t = 0; ; t++) {
    o.signal?.throwIfAborted();
    const next = search.next(read(bytes, t === 0 ? 1 : beams));
    if (!next) break;
    answers = next.parents.map((parent, b) => [...answers[parent]!, next.tokens[b]!]);
    const at = prompt.ids.length + t; // the new token's position
    const before = tables.slice();
    for (const [b, parent] of next.parents.entries()) {
      tables.set(before.subarray(parent * capacity, parent * capacity + at), b * capacity);
      tables[b * capacity + at] = session.row(0, b, at);
    }
    session.writeTables();
    bytes = await session.step(new Uint32Array(beams).fill(at), Uint32Array.from(next.tokens));
  }
  const { ids } = search.best();
  for (const [i, id] of ids.entries()) yield { row, id, last: i === ids.length - 1 };
}

/** Ids that a repetition penalty is for: where the prompt is embeddings, transformers knows its start token only. */
const said = (prompt: Sequence, answer: readonly number[], o: GenerateOptions): number[] => [
  ...(o.startCounts ? prompt.ids.slice(0, 1) : prompt.ids),
  ...answer,
];

const penalised = (o: GenerateOptions) => (o.repetitionPenalty ?? 1) !== 1 || (o.minNewTokens ?? 0) > 0;

/** The least that must come back from the GPU for these options. */
function selection(o: GenerateOptions): Select {
  if (o.logits || penalised(o)) return { kind: "logits" };
  if (!o.temperature) return { kind: "argmax" };
  const k = o.topK ?? 0;
  return k > 0 && k <= MOST_CANDIDATES ? { kind: "top", k } : { kind: "logits" };
}

/** Splits a packed top-k readback: values [B, k], ids [B, k], log-sum-exps [B]. */
function candidates(lm: LanguageModel, bytes: ArrayBuffer, rows: number, k: number): Candidates[] {
  const scores = new Float32Array(bytes, 0, rows * k);
  const ids = new Uint32Array(bytes, rows * k * 4, rows * k);
  const lse = new Float32Array(bytes, rows * k * 8, rows);
  for (let b = 0; b < rows; b++) finite(lm, ids[b * k]!); // NaN comes first
  return Array.from({ length: rows }, (_, b) => ({
    scores: scores.subarray(b * k, (b + 1) * k),
    ids: ids.subarray(b * k, (b + 1) * k),
    lse: lse[b]!,
  }));
}

function rowsOf(values: Float32Array, rows: number): Float32Array[] {
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, b) => values.subarray(b * width, (b + 1) * width));
}

/** The top-k kernel gives a row with NaN an id that no token has. */
function finite(lm: LanguageModel, id: number): number {
  if (id < lm.vocab) return id;
  throw new GenerateError(
    "generate: expected finite logits, got NaN; check the weights and the audio, or report a bug",
  );
}

function check(lm: LanguageModel, prompts: readonly Sequence[], o: GenerateOptions): void {
  const whole = (name: string, value: number, least: number) => {
    if (Number.isInteger(value) && value >= least) return;
    throw new GenerateError(`generate: expected ${name} to be an integer of at least ${least}, got ${value}`);
  };
  if (prompts.length === 0) throw new GenerateError("generate: expected at least one prompt, got none");
  whole("maxNewTokens", o.maxNewTokens, 1);
  whole("minNewTokens", o.minNewTokens ?? 0, 0);
  whole("beams", o.beams ?? 1, 1);
  whole("topK", o.topK ?? 0, 0);
  checkSampling({
    temperature: o.temperature === 0 ? 1 : (o.temperature ?? 1),
    topK: o.topK ?? 0,
    topP: o.topP ?? 1,
    seed: o.seed ?? 0,
  });
  if ((o.beams ?? 1) > 1 && (o.temperature || o.logits)) {
    throw new GenerateError("generate: expected beams without temperature and logits, got both; choose one");
  }
  if (!((o.repetitionPenalty ?? 1) > 0)) {
    throw new GenerateError(`generate: expected repetitionPenalty above 0, got ${o.repetitionPenalty}`);
  }
  for (const { ids, gates } of prompts) {
    whole("the prompt's length", ids.length, 1);
    if (ids.length + o.maxNewTokens > lm.maxPositions) {
      throw new GenerateError(
        `generate: expected at most ${lm.maxPositions} tokens (the model's positions), got a prompt of ${ids.length} ` +
          `and ${o.maxNewTokens} new ones; shorten the text, use fewer clips or fewer new tokens`,
      );
    }
    const stray = ids.find((id) => !(id < lm.vocab));
    if (stray !== undefined) {
      throw new GenerateError(
        `generate: expected token ids below ${lm.vocab} (the model's vocabulary), got ${stray}; ` +
          "use the tokenizer.json of this model",
      );
    }
    if (gates && gates.length !== lm.layers * lm.heads) {
      throw new GenerateError(
        `generate: expected a head mask of ${lm.layers} × ${lm.heads}, got ${gates.length} values`,
      );
    }
  }
}
