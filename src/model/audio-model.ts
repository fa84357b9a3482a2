import { type PreparedAudio, prepareAudio, SAMPLE_RATE } from "../audio/load.ts";
import type { Tensor } from "../gpu/index.ts";
import { EagerOps, type Ops } from "../kernels/index.ts";
import type { Prompt } from "../text/prompt.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { GenerateError } from "./errors.ts";
import { type GenerateOptions, generate, type Token } from "./generate.ts";
import type { LanguageModel } from "./language-model.ts";

/** What a head mask must offer to be used; `HeadMask` does. */
export interface HeadGates {
  /** Throws when the mask was made for another model. */
  check(model: { readonly layers: number; readonly heads: number; readonly fingerprint: string }): void;
  /** [L·H]; 1 keeps a head, 0 skips it. */
  gates(): Float32Array;
}

/** What one family of audio language models brings: its encoder, its prompt, its decoder. */
export interface Family {
  readonly lm: LanguageModel;
  readonly tokenizer: Tokenizer;
  /** Seconds of sound that the encoder hears; longer clips are to be cut. */
  readonly windowSeconds: number;
  /** How the model's own code makes one channel of several. */
  readonly channels: "mean" | "first";
  /** How the model's publishers let it answer. */
  readonly generation: GenerateOptions;
  prompt(clips: number, text: string, system: string | undefined): Prompt;
  /** Audio tokens that a clip of so many samples (16 kHz) becomes; 0 when it is too short. */
  audioTokens(samples: number): number;
  /** Samples that the encoder works through for a clip of so many: as many, or the whole window where it pads. */
  encodedSamples(samples: number): number;
  /** Clips of 16 kHz mono → [Σ audioTokens, C]. */
  encode(ops: Ops, clips: readonly Float32Array[]): Tensor;
  dispose(): void;
}

/** A clip as the decoder hears it, on the host: made once by `encode`, asked about as often as one likes. */
export interface EncodedClip {
  readonly tokens: number; // audio tokens
  readonly embeddings: Float32Array; // [tokens, C]
}

/** Samples at 16 kHz, mono (see `prepareAudio`), at most `windowSeconds` of them; or what `encode` made of them. */
export type Clip = Float32Array | EncodedClip;

/** Something to be answered: one or more clips, an instruction or none, a head mask or none. */
export interface Question {
  readonly audio: Clip | readonly Clip[];
  readonly prompt?: string;
  readonly system?: string;
  readonly mask?: HeadGates;
}

/** Generation settings; they default to the family's `generation`. */
export type AnswerOptions = Partial<GenerateOptions>;

export interface Answer {
  readonly text: string;
  readonly tokens: readonly number[]; // the stop token included
  readonly stopped: boolean; // by a stop token, not by the length
}

/** A token of an answer and the text that became final with it. */
export interface StreamedToken extends Token {
  readonly text: string;
}

/** An audio language model on a GPU. */
export class AudioLanguageModel {
  readonly layers: number;
  readonly heads: number;

  constructor(
    readonly family: Family,
    /** Folder or URL that it was loaded from. */
    readonly name: string,
    /** Tells this model from others: see `Checkpoint.fingerprint`. */
    readonly fingerprint: string,
  ) {
    this.layers = family.lm.layers;
    this.heads = family.lm.heads;
  }

  /**
   * A sound file's bytes as this model hears them: decoded, made mono its way, 16 kHz, cut to its window.
   *
   * @param name for messages
   * @throws AudioError when the bytes are no sound
   */
  listen(bytes: Uint8Array, name: string): Promise<PreparedAudio> {
    return prepareAudio(bytes, name, {
      channels: this.family.channels,
      maxSeconds: this.family.windowSeconds,
    });
  }

  /**
   * Answers a batch of questions, each under its own mask.
   *
   * @throws MaskError for a mask of another model, GenerateError for bad options, prompts or clips, DeviceLostError
   */
  async answer(questions: readonly Question[], options: AnswerOptions = {}): Promise<Answer[]> {
    const tokens = questions.map((): number[] => []);
    const stopped = questions.map(() => false);
    const stop = options.stop ?? this.family.generation.stop;
    for await (const { row, id, last } of this.#tokens(questions, options)) {
      tokens[row]!.push(id);
      if (last) stopped[row] = stop.includes(id);
    }
    return tokens.map((ids, row) => ({
      text: this.family.tokenizer.decode(ids),
      tokens: ids,
      stopped: stopped[row]!,
    }));
  }

  /** The same, token by token as they are known; the pieces of a row's text add up to its answer. */
  async *stream(questions: readonly Question[], options: AnswerOptions = {}): AsyncGenerator<StreamedToken> {
    const streams = questions.map(() => this.family.tokenizer.stream());
    for await (const token of this.#tokens(questions, options)) {
      const stream = streams[token.row]!;
      const text = stream.push(token.id);
      yield { ...token, text: token.last ? text + stream.end() : text };
    }
  }

  /** The settings that an answer is made with: what is asked for, then the family's; beams only where they can be. */
  generation(options: AnswerOptions): GenerateOptions {
    const beamless = options.temperature || options.logits ? { beams: 1 } : {};
    return { ...this.family.generation, ...beamless, ...options };
  }

  dispose(): void {
    this.family.dispose();
    this.family.lm.gpu.trim();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async *#tokens(questions: readonly Question[], options: AnswerOptions): AsyncGenerator<Token> {
    const { family } = this;
    for (const { mask } of questions) mask?.check(this);
    const batch = questions.map((question) => this.layOut(question));
    const clips = [...new Set(batch.flatMap(({ parts }) => parts.map(({ clip }) => clip)))];
    using audio = new ClipEmbeddings(family, clips);
    const prompts = batch.map(({ ids }, i) => {
      const gates = questions[i]!.mask?.gates();
      return { ids, ...(gates && { gates }) };
    });
    const embed = (ops: Ops, { from, to }: { from: number; to: number }) => {
      const rows = batch.slice(from, to);
      const ids = Uint32Array.from(rows.flatMap((row) => row.ids));
      const x = family.lm.embed(ops, ops.upload("ids", [ids.length], ids));
      let at = 0;
      for (const row of rows) {
        for (const { clip, at: start } of row.parts) audio.splice(ops, clip, x, at + start);
        at += row.ids.length;
      }
      return x;
    };
    yield* generate(family.lm, prompts, embed, this.generation(options));
  }

  /**
   * The clips' audio tokens as embeddings, for questions and for learning: the encoder need not run again.
   *
   * @throws GenerateError for clips that are too short, too long or not finite
   */
  async encode(clips: readonly Float32Array[]): Promise<EncodedClip[]> {
    for (const clip of clips) this.#audioTokens(clip);
    using audio = new ClipEmbeddings(this.family, clips);
    return await audio.read();
  }

  /** The prompt's ids with each clip's placeholder repeated once an audio token, and where each clip begins. */
  layOut<C extends Clip | { readonly tokens: number }>({
    audio,
    prompt = "",
    system,
  }: {
    readonly audio: C | readonly C[];
    readonly prompt?: string;
    readonly system?: string;
  }): LaidOut<C> {
    const clips = isOne(audio) ? [audio] : audio;
    const { ids, audioAt } = this.family.prompt(clips.length, prompt, system);
    const out: number[] = [];
    const parts: { clip: C; at: number }[] = [];
    for (const [i, id] of ids.entries()) {
      const n = audioAt.indexOf(i);
      const clip = clips[n];
      if (clip) parts.push({ clip, at: out.length });
      const repeat = clip ? this.#audioTokens(clip) : 1;
      for (let r = 0; r < repeat; r++) out.push(id);
    }
    return { ids: out, parts };
  }

  #audioTokens(clip: Clip | { readonly tokens: number }): number {
    const { windowSeconds, lm } = this.family;
    if ("tokens" in clip) {
      if (!("embeddings" in clip) || clip.embeddings.length === clip.tokens * lm.width) return clip.tokens;
      throw new GenerateError(
        `audio: expected embeddings [${clip.tokens}, ${lm.width}] of this model, got ${clip.embeddings.length} numbers; ` +
          "encode the clip with this model",
      );
    }
    if (clip.length > windowSeconds * SAMPLE_RATE) {
      throw new GenerateError(
        `audio: expected clips of at most ${windowSeconds * SAMPLE_RATE} samples (${windowSeconds} s, the model's window), ` +
          `got ${clip.length}; cut the clip (prepareAudio does)`,
      );
    }
    const tokens = this.family.audioTokens(clip.length);
    if (tokens > 0) return tokens;
    throw new GenerateError(
      `audio: expected a clip long enough for one audio token, got ${clip.length} samples at 16 kHz; ` +
        "leave it out, or pad it with silence",
    );
  }
}

/** A prompt's ids, and at which of them each clip's embeddings begin. */
export interface LaidOut<C = Clip> {
  readonly ids: readonly number[];
  readonly parts: readonly { readonly clip: C; readonly at: number }[];
}

const isOne = <C extends Clip | { readonly tokens: number }>(audio: C | readonly C[]): audio is C =>
  !Array.isArray(audio);

function checkSamples(clip: Float32Array): void {
  const bad = clip.findIndex((sample) => !Number.isFinite(sample));
  if (bad < 0) return;
  throw new GenerateError(
    `audio: expected finite samples, got ${clip[bad]} at sample ${bad}; decode the clip again`,
  );
}

const GROUP_SECONDS = 120; // of sound that is encoded at once: enough to fill a GPU, small enough for its bindings

/** The audio embeddings of a batch's clips on the GPU, each clip encoded once however many questions ask about it. */
class ClipEmbeddings {
  readonly #tensors: Tensor[] = [];
  readonly #place = new Map<Clip, { embeddings: Tensor; from: number; rows: number }>();

  constructor(
    private readonly family: Family,
    private readonly clips: readonly Clip[],
  ) {
    try {
      this.#upload(clips.filter((clip): clip is EncodedClip => "embeddings" in clip));
      let group: Float32Array[] = [];
      let samples = 0;
      for (const clip of clips.filter((clip): clip is Float32Array => clip instanceof Float32Array)) {
        checkSamples(clip);
        const encoded = family.encodedSamples(clip.length);
        if (group.length > 0 && samples + encoded > GROUP_SECONDS * SAMPLE_RATE) {
          this.#encode(group);
          group = [];
          samples = 0;
        }
        group.push(clip);
        samples += encoded;
      }
      this.#encode(group);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  splice(ops: Ops, clip: Clip, x: Tensor, at: number): void {
    const { embeddings, from, rows } = this.#place.get(clip)!;
    ops.copyRows(embeddings, from, x, at, rows);
  }

  /** Each clip's embeddings on the host, in the order given. */
  async read(): Promise<EncodedClip[]> {
    const { gpu, width } = this.family.lm;
    const groups = new Map(
      await Promise.all(this.#tensors.map(async (t) => [t, await gpu.readF32(t)] as const)),
    );
    return this.clips.map((clip) => {
      const { embeddings, from, rows } = this.#place.get(clip)!;
      return {
        tokens: rows,
        embeddings: groups.get(embeddings)!.slice(from * width, (from + rows) * width),
      };
    });
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }

  #encode(clips: readonly Float32Array[]): void {
    const counts = clips.map((clip) => this.family.audioTokens(clip.length));
    const embeddings = this.#allocate(clips, counts);
    if (!embeddings) return;
    using ops = new EagerOps(this.family.lm.gpu, "audio"); // its activations are free again as soon as it is submitted
    ops.copyRows(this.family.encode(ops, clips), 0, embeddings, 0, embeddings.rows);
    ops.submit();
  }

  #upload(clips: readonly EncodedClip[]): void {
    const embeddings = this.#allocate(
      clips,
      clips.map(({ tokens }) => tokens),
    );
    for (const clip of clips) {
      const { from } = this.#place.get(clip)!;
      const { buffer, byteOffset, byteLength } = clip.embeddings;
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      this.family.lm.gpu.write(embeddings!, bytes, from * this.family.lm.width * 4);
    }
  }

  /** Room for the clips one after the other; nothing for none. */
  #allocate(clips: readonly Clip[], counts: readonly number[]): Tensor | undefined {
    if (clips.length === 0) return undefined;
    const { gpu, width } = this.family.lm;
    const embeddings = gpu.tensor("audio", [counts.reduce((a, b) => a + b, 0), width]);
    this.#tensors.push(embeddings);
    let from = 0;
    for (const [i, clip] of clips.entries()) {
      this.#place.set(clip, { embeddings, from, rows: counts[i]! });
      from += counts[i]!;
    }
    return embeddings;
  }
}
