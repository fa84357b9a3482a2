/** From an empty page to a model that answers. */
import { batch } from "@preact/signals";
import { adviceFor } from "../../../src/index.ts";
import { openEngine } from "../engine/client.ts";
import type { EngineEvent, LoadedModel, ModelSource } from "../engine/engine.ts";
import { addDemoClip } from "./clips.ts";
import { demoUrl, SHOWN } from "./demo.ts";
import { addCondition, addDemoMask } from "./masks.ts";
import {
  answers,
  conditions,
  cost,
  engine,
  kept,
  lesson,
  machine,
  memory,
  model,
  stage,
  type Trouble,
} from "./state.ts";
import { attempt, dismiss, inWords, report, tell } from "./troubles.ts";

export const DEMO_MODEL: ModelSource = { kind: "url", url: demoUrl("model") };

/** Opens the engine, loads the demo model and asks about the first demo clip. */
export async function start(): Promise<void> {
  if (!navigator.gpu) {
    const advice = adviceFor(navigator.userAgent, { secure: isSecureContext, gpu: false });
    unable(new Error(`page: expected a browser with WebGPU, got one without; ${advice}`));
    return;
  }
  engine.value = openEngine();
  try {
    machine.value = await engine.value.start(onEvent);
  } catch (error) {
    unable(error);
    return;
  }
  await openModel(DEMO_MODEL);
  if (!model.value) return;
  await showDemo();
}

function unable(error: unknown): void {
  stage.value = { kind: "unable", ...inWords("", error) };
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
/** The model that the worker has, or loads again when the next one cannot be. */
let working: LoadedModel | undefined;

/** Loads a model in place of the one before it, which is back when it cannot. */
export async function openModel(source: ModelSource): Promise<void> {
  if (stage.value.kind === "unable") return;
  loading?.abort();
  const mine = new AbortController();
  loading = mine;
  const { signal } = mine;
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
    working = { ...loaded, name };
    if (loading !== mine) return; // another is on its way
    show(working);
    if (loaded.notKept)
      tell({
        kind: "note",
        ...inWords("The model was not kept for the next visit", new Error(loaded.notKept)),
      });
  } catch (error) {
    if (signal.aborted) return;
    show(working);
    const otherwise = working ? "the model before it is back" : "or load the demo model";
    report(
      "The model could not be loaded",
      error,
      `See that the address is right and its files are whole; ${otherwise}.`,
    );
  }
  await refreshKept();
}

export const cancelLoading = (): void => {
  loading?.abort();
  show(working);
};

let about: string | undefined; // fingerprint of the model that answers and masks are of

/** What is about another model is let go. */
function show(now: LoadedModel | undefined): void {
  batch(() => {
    if (now && now.fingerprint !== about) {
      about = now.fingerprint;
      answers.value = new Map();
      conditions.value = conditions.value.filter(({ kind }) => kind !== "mask");
      cost.value = undefined;
      lesson.value = undefined;
    }
    model.value = now;
    stage.value = { kind: now ? "ready" : "empty" };
  });
}

export async function refreshKept(): Promise<void> {
  await attempt("What is kept on this machine could not be listed", async () => {
    kept.value = await engine.value!.kept();
  });
}

export async function forget(what: { model: string } | { run: string } | "all"): Promise<void> {
  await attempt("It could not be forgotten", () => engine.value!.forget(what));
  await refreshKept();
}

let told: number | undefined; // the trouble that tells of the GPU
let gone = true; // what ails it is that its device is lost

function onEvent(event: EngineEvent): void {
  if (event.kind === "memory") {
    memory.value = event.bytes;
    return;
  }
  if (event.kind === "lost") gone = event.device;
  if (told !== undefined) dismiss(told);
  told = tell(gpuNews(event));
}

function gpuNews(event: Exclude<EngineEvent, { kind: "memory" }>): Omit<Trouble, "key"> {
  const repeated = (tense: string) => (gone ? `, and what was asked ${tense} repeated` : "");
  switch (event.kind) {
    case "lost": {
      const { title, text } = inWords(gone ? "The GPU was lost" : "The GPU failed", new Error(event.message));
      return { kind: "note", title, text: `${text}. It is being opened again${repeated("will be")}.` };
    }
    case "recovered": {
      const text = `It was opened again with the model in ${event.seconds.toFixed(1)} s${repeated("was")}.`;
      return { kind: "note", title: `The GPU ${gone ? "was lost" : "failed"} and is back`, text };
    }
    case "unrecovered": {
      const { text } = inWords("", new Error(event.message));
      const remedy = "Load the page again; if that does not help, start the browser anew.";
      return { kind: "error", title: "The GPU did not come back", text, remedy };
    }
  }
}
