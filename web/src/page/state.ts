/**
 * What the page knows: one store of signals. Actions (asking.ts, clips.ts, masks.ts, learning.ts, …) change it, components
 * show it.
 */
import { computed, signal } from "@preact/signals";
import type { HeadMask } from "../../../src/index.ts";
import type { EngineClient } from "../engine/client.ts";
import type { Cost, HeardClip, Kept, LoadedModel, Machine, Run } from "../engine/engine.ts";
import type { Truths } from "./demo.ts";

export type Stage =
  | { readonly kind: "starting" }
  /** No WebGPU: why, and what to do about it, in words. */
  | { readonly kind: "unable"; readonly text: string; readonly remedy?: string }
  /** No model: none was loaded, or loading failed. */
  | { readonly kind: "empty" }
  | { readonly kind: "loading"; readonly name: string; readonly loaded: number; readonly total: number }
  | { readonly kind: "ready" };

export const engine = signal<EngineClient | undefined>(undefined);
export const stage = signal<Stage>({ kind: "starting" });
export const machine = signal<Machine | undefined>(undefined);
export const model = signal<LoadedModel | undefined>(undefined);
/** Bytes on the GPU. */
export const memory = signal(0);
/** Tokens a second of the last answers. */
export const speed = signal<number | undefined>(undefined);
export const kept = signal<Kept | undefined>(undefined);

/** A clip in the list. */
export interface Clip {
  readonly name: string;
  readonly heard: HeardClip;
  /** What plays it. */
  readonly url: string;
  /** What is true of it: known of demo clips. */
  readonly truths?: Truths;
}

export const clips = signal<readonly Clip[]>([]);
/** Names of files that are being read. */
export const hearing = signal<readonly string[]>([]);
/** `HeardClip.id` of the clip that is asked about. */
export const chosenId = signal<string | undefined>(undefined);
export const chosen = computed(() => clips.value.find(({ heard }) => heard.id === chosenId.value));

/** A mask and how it came to be: undo and redo walk the versions. */
export interface Edits {
  readonly versions: readonly HeadMask[];
  readonly at: number;
  /** [L·H] that the first version was made from, if it was. */
  readonly logits: Float32Array | undefined;
}

/** Under what a clip is answered, with a number that never changes. */
export type Condition = { readonly key: number } & (
  | { readonly kind: "none" }
  | { readonly kind: "instruction"; readonly prompt: string }
  | { readonly kind: "mask"; readonly name: string; readonly edits: Edits }
);
export type MaskCondition = Extract<Condition, { kind: "mask" }>;

export const conditions = signal<readonly Condition[]>([]);
export const masks = computed(() => conditions.value.filter((c): c is MaskCondition => c.kind === "mask"));
/** The mask that the map shows. */
export const selectedKey = signal<number | undefined>(undefined);
export const selected = computed(
  () => masks.value.find(({ key }) => key === selectedKey.value) ?? masks.value[0],
);
export const maskOf = ({ edits }: MaskCondition): HeadMask => edits.versions[edits.at]!;

/** An answer as far as it is known. */
export interface Answer {
  /** What was asked: clip and condition. */
  readonly asked: string;
  readonly text: string;
  readonly state: "waiting" | "coming" | "done";
}

/** By `Condition.key`. */
export const answers = signal<ReadonlyMap<number, Answer>>(new Map());

/** How the heads of the map are coloured. */
export type Colouring = "switch" | "logit" | "effect" | "overlap";
export const colouring = signal<Colouring>("switch");
/** The mask that the selected one is compared with. */
export const otherKey = signal<number | undefined>(undefined);

export interface Effects {
  /** The answer that they are about, as `Answer.asked`. */
  readonly asked: string;
  /** [L·H], NaN where not known yet. */
  readonly values: Float32Array;
  readonly running: boolean;
}
export const effects = signal<Effects | undefined>(undefined);

/** The run of learning that the page shows. */
export interface Lesson {
  readonly run: string;
  readonly task: string;
  /** Stopped is one of which nothing is kept. */
  readonly state: "hearing" | "learning" | "paused" | "stopped" | "done";
  /** A paused one is kept on this machine; if not, it is gone with this page. */
  readonly lasting: boolean;
  /** Rows heard, of so many, before learning begins. */
  readonly heard: readonly [number, number];
  readonly step: number;
  readonly steps: number;
  readonly losses: readonly number[];
  readonly headsOn: number;
  /** H of its model. */
  readonly heads: number;
  readonly logits: Float32Array | undefined;
  /** Of a step, measured here. */
  readonly secondsPerStep: number | undefined;
  readonly notes: readonly string[];
}
export const lesson = signal<Lesson | undefined>(undefined);
/** Runs that an earlier visit left unfinished. */
export const unfinished = computed<readonly Run[]>(() =>
  (kept.value?.runs ?? []).filter(
    ({ name, step, steps, fingerprint }) =>
      step < steps && name !== lesson.value?.run && fingerprint === model.value?.fingerprint,
  ),
);

export const cost = signal<
  { readonly prompt: string; readonly mask: string; readonly cost: Cost } | undefined
>(undefined);

/** Something that went wrong, or that should be known, in words. */
export interface Trouble {
  readonly key: number;
  readonly kind: "error" | "note";
  readonly title: string;
  readonly text: string;
  readonly remedy?: string;
}
export const troubles = signal<readonly Trouble[]>([]);
