import type { Gpu, Tensor } from "../gpu/index.ts";
import { EagerOps, type Ops } from "../kernels/index.ts";
import { KvCache, type Step } from "./kv-cache.ts";
import type { LanguageModel } from "./language-model.ts";

/** A prompt's ids, and the head mask to answer it under. */
export interface Sequence {
  readonly ids: readonly number[]; // placeholders repeated: one id an audio token
  readonly gates?: Float32Array; // [L·H]; 1 keeps a head. Absent: all on
}

/** What comes back from the GPU after each step: the best id, the k best with their logits, or all logits. */
export type Select =
  | { readonly kind: "argmax" }
  | { readonly kind: "logits" }
  | { readonly kind: "top"; readonly k: number };

export interface SessionOptions {
  readonly newTokens: number; // room for so many
  readonly beams: number; // sequences decoded from each prompt; more than 1 only for a single prompt
  readonly select: Select;
}

/**
 * The state of one generation: the KV cache, the tables that say which of its rows make up each sequence, and the
 * decode step, recorded once and submitted again for every token.
 */
export class Session {
  readonly sequences: number; // that are decoded
  readonly tables: Uint32Array; // [sequences, capacity], cache rows by position; upload with writeTables
  readonly capacity: number;
  readonly #gpu: Gpu;
  readonly #cache: KvCache;
  readonly #tensors: { positions: Tensor; rows: Tensor; tokens: Tensor; table: Tensor };
  readonly #base: readonly number[]; // first cache row of each prompt
  #decode: { ops: EagerOps; output: Tensor } | undefined;

  constructor(
    private readonly lm: LanguageModel,
    private readonly prompts: readonly Sequence[],
    private readonly options: SessionOptions,
  ) {
    const { gpu } = lm;
    const { newTokens, beams } = options;
    this.#gpu = gpu;
    this.sequences = prompts.length * beams;
    this.capacity = Math.max(...prompts.map(({ ids }) => ids.length)) + newTokens;
    let rows = 0;
    this.#base = prompts.map(({ ids }) => {
      const base = rows;
      rows += ids.length + newTokens * beams;
      return base;
    });
    this.#cache = new KvCache(gpu, lm, rows, this.capacity);
    const u32 = (label: string, length: number) => gpu.upload(label, [length], new Uint32Array(length));
    this.#tensors = {
      positions: u32("positions", this.sequences),
      rows: u32("rows", this.sequences),
      tokens: u32("tokens", this.sequences),
      table: gpu.tensor("table", [this.sequences, this.capacity], "u32"),
    };
    this.tables = new Uint32Array(this.sequences * this.capacity);
    for (let b = 0; b < this.sequences; b++) {
      const p = Math.floor(b / beams);
      for (let s = 0; s < this.capacity; s++) this.tables[b * this.capacity + s] = this.row(p, b % beams, s);
    }
    this.writeTables();
  }

  /** The cache row of a prompt's position s; beyond the prompt, each beam has rows of its own. */
  row(prompt: number, beam: number, s: number): number {
    const { length } = this.prompts[prompt]!.ids;
    const base = this.#base[prompt]!;
    if (s < length) return base + s;
    return base + length + Math.min(s - length, this.options.newTokens - 1) * this.options.beams + beam;
  }

  writeTables(): void {
    this.#gpu.write(this.#tensors.table, bytesOf(this.tables));
  }

  /**
   * Runs the prompts, packed. `embed` makes their embeddings [Σ length, C].
   * @returns what `select` asks for, one row a prompt
   */
  async prefill(embed: (ops: Ops) => Tensor): Promise<ArrayBuffer> {
    using ops = new EagerOps(this.#gpu, "prefill");
    const tokens = this.prompts.flatMap(({ ids }, p) => ids.map((_, s) => ({ p, s })));
    const u32 = (label: string, values: number[]) =>
      ops.upload(label, [values.length], new Uint32Array(values));
    let at = 0;
    const segments = this.prompts.map(({ ids: { length } }, p) => {
      const segment = { query: at, queries: length, key: this.#base[p]!, keys: length, first: 0, gate: p };
      at += length;
      return segment;
    });
    const gates = this.#uploadGates(ops, 1);
    const step: Step = {
      positions: u32(
        "positions",
        tokens.map(({ s }) => s),
      ),
      rows: u32(
        "rows",
        tokens.map(({ p, s }) => this.row(p, 0, s)),
      ),
      tiles: ops.attentionTiles(segments),
      ...(gates && { gates }),
    };
    const h = this.lm.forward(ops, embed(ops), step, this.#cache);
    const last = ops.tensor("last", [this.prompts.length, h.width]);
    for (const [p, { query, queries }] of segments.entries())
      ops.copyRows(h, query + queries - 1, last, p, 1);
    const output = this.#select(ops, last);
    if (this.options.beams === 1) this.#keep(ops, output);
    return await ops.submit(output);
  }

  /**
   * One token further for every sequence: sequence b's last token stands at position `positions[b]`. Without `tokens`
   * the ids that the previous step chose are taken, so that steps can be submitted ahead of reading their results.
   */
  step(positions: Uint32Array, tokens?: Uint32Array): Promise<ArrayBuffer> {
    const rows = positions.map((s, b) => this.tables[b * this.capacity + s]!);
    this.#gpu.write(this.#tensors.positions, bytesOf(positions));
    this.#gpu.write(this.#tensors.rows, bytesOf(rows));
    if (tokens) this.#gpu.write(this.#tensors.tokens, bytesOf(tokens));
    this.#decode ??= this.#record();
    return this.#decode.ops.submit(this.#decode.output);
  }

  dispose(): void {
    this.#decode?.ops.dispose();
    this.#cache.dispose();
    for (const tensor of Object.values(this.#tensors)) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #record(): { ops: EagerOps; output: Tensor } {
    const ops = new EagerOps(this.#gpu, "decode");
    try {
      const { positions, rows, tokens, table } = this.#tensors;
      const gates = this.#uploadGates(ops, this.options.beams);
      const step: Step = { positions, rows, table, ...(gates && { gates }) };
      const h = this.lm.forward(ops, this.lm.embed(ops, tokens), step, this.#cache);
      const output = this.#select(ops, h);
      this.#keep(ops, output);
      return { ops, output };
    } catch (error) {
      ops.dispose();
      throw error;
    }
  }

  /** With argmax the chosen ids are the next step's input, and never leave the GPU on their way there. */
  #keep(ops: Ops, output: Tensor): void {
    if (this.options.select.kind === "argmax") ops.copyRows(output, 0, this.#tensors.tokens, 0, output.rows);
  }

  /** The head masks, `times` for each prompt: [prompts · times, L, H]; undefined when all heads of all are on. */
  #uploadGates(ops: Ops, times: number): Tensor | undefined {
    if (this.prompts.every(({ gates }) => gates === undefined)) return undefined;
    const { layers, heads } = this.lm;
    const all = new Float32Array(this.prompts.length * times * layers * heads).fill(1);
    for (const [p, { gates }] of this.prompts.entries()) {
      if (!gates) continue;
      for (let i = 0; i < times; i++) all.set(gates, (p * times + i) * layers * heads);
    }
    return ops.upload("gates", [this.prompts.length * times, layers, heads], all);
  }

  #select(ops: Ops, h: Tensor): Tensor {
    const logits = ops.matmul(this.lm.norm(ops, h), this.lm.head);
    const { select } = this.options;
    if (select.kind === "logits") return logits;
    if (select.kind === "argmax") return ops.argmax(logits);
    const { values, ids, lse } = ops.topK(logits, select.k);
    return ops.concat([values, ids, lse]); // one readback
  }
}

const bytesOf = (a: Uint32Array): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
