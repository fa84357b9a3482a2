/** From an empty page to a model that answers. */
import { batch } from "@preact/signals";
import { openEngine } from "../engine/client.ts";
import type { EngineEvent, ModelSource } from "../engine/engine.ts";
import { addDemoClip } from "./clips.ts";
import { demoUrl, SHOWN } from "./demo.ts";
import { addCondition, addDemoMask } from "./masks.ts";
import { answers, conditions, engine, kept, machine, memory, model, stage } from "./state.ts";
import { attempt, dismiss, inWords, report, tell } from "./troubles.ts";

export const DEMO_MODEL: ModelSource = { kind: "url", url: demoUrl("model") };

/** Opens the engine, loads the demo model and asks about the first demo clip. */
export async function start(): Promise<void> {
  engine.value = openEngine();
  try {
    machine.value = await engine.value.start(onEvent);
  } catch (error) {
    stage.value = { kind: "unable", ...inWords("", error) };
    return;
  }
  await openModel(DEMO_MODEL);
  if (!model.value) return;
  await showDemo();
}

async function showDemo(): Promise<void> {
  const [first, ...others] = SHOWN;
  addCondition({ kind: "instruction", prompt: "transcribe the speech" });
  addCondition({ kind: "none" });
  await Promise.all([addDemoMask("asr"), addDemoClip(first!, true)]);
  await addDemoMask("gr");
  for (const stem of others) await addDemoClip(stem, false);
}

let loading: AbortController | undefined;
let lastFingerprint: string | undefined;

/** Loads a model in place of the one before it. Masks of another model are let go. */
export async function openModel(source: ModelSource): Promise<void> {
  loading?.abort();
  loading = new AbortController();
  const { signal } = loading;
  const name = source.kind === "url" ? source.url : source.name;
  model.value = undefined; // its memory is needed
  stage.value = { kind: "loading", name, loaded: 0, total: 0 };
  try {
    const loaded = await engine.value!.load(
      source,
      (done, total) => {
        if (!signal.aborted) stage.value = { kind: "loading", name, loaded: done, total };
      },
      signal,
    );
    batch(() => {
      if (lastFingerprint !== loaded.fingerprint) {
        answers.value = new Map();
        conditions.value = conditions.value.filter(({ kind }) => kind !== "mask");
      }
      lastFingerprint = loaded.fingerprint;
      model.value = { ...loaded, name };
      stage.value = { kind: "ready" };
    });
    if (loaded.notKept)
      tell({
        kind: "note",
        ...inWords("The model was not kept for the next visit", new Error(loaded.notKept)),
      });
  } catch (error) {
    if (signal.aborted) return;
    stage.value = { kind: "empty" };
    report(
      "The model could not be loaded",
      error,
      "See that the address is right and its files are whole, or load the demo model.",
    );
  }
  await refreshKept();
}

export const cancelLoading = (): void => {
  loading?.abort();
  stage.value = { kind: "empty" };
};

export async function refreshKept(): Promise<void> {
  await attempt("What is kept on this machine could not be listed", async () => {
    kept.value = await engine.value!.kept();
  });
}

export async function forget(what: { model: string } | { run: string } | "all"): Promise<void> {
  await attempt("It could not be forgotten", () => engine.value!.forget(what));
  await refreshKept();
}

let lost: number | undefined;

function onEvent(event: EngineEvent): void {
  if (event.kind === "memory") memory.value = event.bytes;
  else if (event.kind === "lost") {
    lost = tell({
      kind: "note",
      title: "The GPU was lost",
      text: `${event.message} It is being opened again, and what was asked will be repeated.`,
    });
  } else {
    if (lost !== undefined) dismiss(lost);
    tell({
      kind: "note",
      title: "The GPU was lost and is back",
      text: `It was opened again with the model in ${event.seconds.toFixed(1)} s, and what was asked was repeated.`,
    });
  }
}
