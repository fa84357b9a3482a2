/**
 * What the page may ask of its worker. All of it crosses `postMessage` (through Comlink, which carries callbacks and errors):
 * plain values, typed arrays and files. Whatever takes long is a job with a number of the page's choosing, so that `abort`
 * can name it; an aborted job rejects with an AbortError. Errors keep their name and words.
 *
 * L layers, H heads of a layer; a gate or logit of head h in layer l lies at l·H + h.
 */

import type { PickedFile } from "../../../src/index.ts";

/** A page's number for something that takes long. */
export type Job = number;

/** Where a model's files are: below an address (kept on this machine once read), or picked or dropped by the user. */
export type ModelSource =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "files"; readonly name: string; readonly files: readonly PickedFile[] };

export interface Machine {
  /** Of the adapter, as it calls itself. */
  readonly adapter: string;
  /** A CPU plays the GPU. */
  readonly software: boolean;
}

export interface LoadedModel {
  readonly name: string;
  readonly fingerprint: string;
  readonly layers: number;
  readonly heads: number;
  /** Seconds of sound that the model hears. */
  readonly windowSeconds: number;
  readonly seconds: number; // that loading took
  /** Bytes of weights that came over the network, and that were kept from an earlier visit. */
  readonly fetchedBytes: number;
  readonly keptBytes: number;
  /** Why the files could not be kept for the next visit, in words; the model works all the same. */
  readonly notKept?: string;
}

/** Bytes so far and in all. */
export type OnProgress = (loaded: number, total: number) => void;

/** A microphone's samples, mono, at the device's own rate. */
export interface Recording {
  readonly samples: Float32Array;
  readonly rate: number;
}

/** A clip as the model hears it, and as a person sees it. The samples stay in the worker. */
export interface HeardClip {
  /** SHA-256 of the samples at 16 kHz, in hex: the same sound is the same clip. */
  readonly id: string;
  readonly seconds: number; // of the file
  readonly heard: number; // seconds of it that the model hears: its window cuts it
  /** Audio tokens it becomes. */
  readonly tokens: number;
  /** Lowest and highest sample of each of equally long stretches: [stretches, 2], −1 to 1. */
  readonly waveform: Float32Array;
  /** Log-mel spectrogram as brightness 0 to 255, lowest band first: [frames, bands]. */
  readonly mel: { readonly frames: number; readonly bands: number; readonly values: Uint8Array };
}

/** A head mask as bytes: `HeadMask` of the library cannot cross to a worker. */
export interface MaskBits {
  readonly layers: number;
  readonly heads: number;
  readonly bits: Uint8Array; // [⌈L·H/8⌉]
  readonly metadata: Readonly<Record<string, string>>;
}

/** Under what a clip is answered: an instruction or none, a mask or none. */
export interface Condition {
  readonly prompt?: string;
  readonly mask?: MaskBits;
}

export interface Question {
  readonly clip: string; // HeardClip.id
  readonly conditions: readonly Condition[];
  /** Most tokens of an answer; the model's own bound if not given. */
  readonly maxNewTokens?: number;
}

/** A piece of the answer under condition `row`. */
export interface Piece {
  readonly row: number;
  readonly text: string;
  readonly last: boolean;
}

/** `restart` says that pieces so far are void: the device was lost, and the answer begins anew. */
export type OnPiece = (piece: Piece | "restart") => void;

export interface Answered {
  readonly texts: readonly string[];
  readonly tokens: number; // of all answers
  readonly seconds: number;
  readonly firstTokenSeconds: number;
}

export interface EffectsQuestion {
  readonly clip: string;
  readonly condition: Condition;
  /** The answer whose probability is looked at. */
  readonly answer: string;
}

/** Head by head, as they are known; NaN is not known yet. [L·H] */
export type OnEffects = (effects: Float32Array) => void;

export interface CostQuestion {
  readonly clip: string;
  readonly prompt: string;
  readonly mask: MaskBits;
}

/** What an instruction costs a request, and what a mask does; seconds are medians measured here. */
export interface Cost {
  readonly instruction: { readonly promptTokens: number; readonly firstTokenSeconds: number };
  readonly mask: { readonly promptTokens: number; readonly firstTokenSeconds: number };
  readonly runs: number;
}

/** A row to learn from: a clip that was heard, and the answer it is to get. */
export interface LearnRow {
  readonly clip: string; // HeardClip.id
  readonly text: string;
}

export interface LearnRequest {
  /** Names the run; a run of that name that is unfinished goes on, whatever `rows` says. */
  readonly run: string;
  /** What is learned, for the mask's file. */
  readonly task: string;
  /** Heard clips with their answers, or the address of a JSONL file as `ahamask learn` reads it. */
  readonly rows: readonly LearnRow[] | { readonly url: string };
  readonly steps: number;
  readonly batch: number;
  readonly rate: number;
  readonly seed: number;
}

/** A run to begin, or the name of one to go on with. */
export type LearnAsk = LearnRequest | { readonly run: string };

export type LearnEvent =
  | { readonly kind: "hearing"; readonly rows: number; readonly of: number }
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "begin"; readonly step: number; readonly steps: number }
  | {
      readonly kind: "step";
      readonly step: number;
      readonly loss: number;
      readonly headsOn: number;
      /** [L·H] as they are after the step. */
      readonly logits: Float32Array;
    };

/** What a run has come to: at its end, or when it was paused. */
export interface Run {
  readonly name: string;
  readonly task: string;
  readonly fingerprint: string;
  readonly step: number;
  readonly steps: number;
  /** Kept on this machine; if not, it is gone with this page. */
  readonly lasting: boolean;
  /** Of each step so far. */
  readonly losses: readonly number[];
  /** The mask as it is, as a safetensors file with its logits; none before the first step is kept. */
  readonly mask?: Uint8Array;
}

/** What the browser keeps for this page. */
export interface Kept {
  readonly models: readonly { readonly url: string; readonly bytes: number; readonly whole: boolean }[];
  readonly runs: readonly Run[];
  /** Runs that cannot be read, and why: all that can be done with one is to forget it. */
  readonly damaged: readonly { readonly name: string; readonly reason: string }[];
  /** Bytes of all that is kept, the page itself among it; undefined where the browser does not say. */
  readonly usage?: number;
  /** Bytes that the browser lets this page keep, in all; undefined where it does not say. */
  readonly quota?: number;
}

/** What happens without being asked. */
export type EngineEvent =
  | { readonly kind: "memory"; readonly bytes: number } // on the GPU
  /** The GPU is to be opened again: its device is gone, or it is there but an error (no room left, say) made it useless. */
  | { readonly kind: "lost"; readonly device: boolean; readonly message: string }
  | { readonly kind: "recovered"; readonly seconds: number }
  /** It could not be opened again with the model; the next job tries once more. */
  | { readonly kind: "unrecovered"; readonly message: string };

export interface Engine {
  /** Opens the GPU. @throws NoAdapterError with what to do, by browser */
  start(listen: (event: EngineEvent) => void): Promise<Machine>;
  /**
   * Loads a model in place of the one before it, which ends what is under way, as `abort` would; clips that were heard are
   * heard again by the new one. When it fails, or is aborted, the one before it is loaded again for whatever is asked next.
   */
  load(job: Job, source: ModelSource, onProgress: OnProgress): Promise<LoadedModel>;
  hear(sound: File | Recording): Promise<HeardClip>;
  /** Lets go of a clip's samples. */
  unhear(clip: string): void;
  answer(job: Job, question: Question, onPiece: OnPiece): Promise<Answered>;
  /**
   * How much less probable the answer becomes when a head is switched over, one head at a time, in nats: log p(answer) as it
   * is, less log p(answer) with that head switched. Above 0 where the answer needs the head as it is. [L·H]
   */
  effects(job: Job, question: EffectsQuestion, onEffects: OnEffects): Promise<Float32Array>;
  cost(job: Job, question: CostQuestion): Promise<Cost>;
  /**
   * Learns a mask, or goes on with the run of that name. Aborting pauses it after its step with everything kept: it then
   * resolves, as it does at its end, with what it has come to.
   */
  learn(job: Job, request: LearnAsk, onEvent: (event: LearnEvent) => void): Promise<Run>;
  abort(job: Job): void;
  kept(): Promise<Kept>;
  /** Deletes what is kept: one model's files, one run, or all. */
  forget(what: { readonly model: string } | { readonly run: string } | "all"): Promise<void>;
}
