import * as Comlink from "comlink";
import type {
  Answered,
  Cost,
  CostQuestion,
  EffectsQuestion,
  Engine,
  EngineEvent,
  HeardClip,
  Job,
  Kept,
  LearnAsk,
  LearnEvent,
  LoadedModel,
  Machine,
  ModelSource,
  OnEffects,
  OnPiece,
  OnProgress,
  Question,
  Recording,
  Run,
} from "./engine.ts";

/** The engine as the page sees it: `Engine`, with signals in place of job numbers. An aborted call rejects with an AbortError. */
export interface EngineClient {
  /** @throws NoAdapterError with what to do, by browser; Error when there is no worker */
  start(listen: (event: EngineEvent) => void): Promise<Machine>;
  /** @param source an address counts from the page's */
  load(source: ModelSource, onProgress: OnProgress, signal?: AbortSignal): Promise<LoadedModel>;
  hear(sound: File | Recording): Promise<HeardClip>;
  unhear(clip: string): Promise<void>;
  answer(question: Question, onPiece: OnPiece, signal?: AbortSignal): Promise<Answered>;
  effects(question: EffectsQuestion, onEffects: OnEffects, signal?: AbortSignal): Promise<Float32Array>;
  cost(question: CostQuestion, signal?: AbortSignal): Promise<Cost>;
  /** The signal pauses the run: it then resolves with what it has come to. */
  learn(request: LearnAsk, onEvent: (event: LearnEvent) => void, signal?: AbortSignal): Promise<Run>;
  kept(): Promise<Kept>;
  forget(what: Parameters<Engine["forget"]>[0]): Promise<void>;
}

/** Starts the worker. */
export function openEngine(): EngineClient {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "engine" });
  const engine = Comlink.wrap<Engine>(worker);
  const noWorker = new Promise<never>((_, reject) => {
    worker.addEventListener("error", ({ message }) => {
      reject(
        new Error(`engine: expected its worker to start, got ${message || "no script"}; load the page again`),
      );
    });
  });
  noWorker.catch(() => {}); // whoever starts it hears of it

  let jobs = 0;
  const job = async <T>(signal: AbortSignal | undefined, call: (job: Job) => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    const number = jobs++;
    const stop = () => void engine.abort(number);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await call(number);
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  };

  return {
    start: (listen) => Promise.race([engine.start(Comlink.proxy(listen)), noWorker]),
    load: (source, onProgress, signal) =>
      job(signal, (n) =>
        engine.load(n, source.kind === "url" ? fromPage(source) : source, Comlink.proxy(onProgress)),
      ),
    hear: (sound) => engine.hear(sound),
    unhear: (clip) => engine.unhear(clip),
    answer: (question, onPiece, signal) =>
      job(signal, (n) => engine.answer(n, question, Comlink.proxy(onPiece))),
    effects: (question, onEffects, signal) =>
      job(signal, (n) => engine.effects(n, question, Comlink.proxy(onEffects))),
    cost: (question, signal) => job(signal, (n) => engine.cost(n, question)),
    learn: (request, onEvent, signal) =>
      job(signal, (n) => engine.learn(n, withAddress(request), Comlink.proxy(onEvent))),
    kept: () => engine.kept(),
    forget: (what) => engine.forget(what),
  };
}

const fromPage = <T extends { readonly url: string }>(source: T): T => ({
  ...source,
  url: new URL(source.url, document.baseURI).href,
});

const withAddress = (request: LearnAsk): LearnAsk =>
  "rows" in request && "url" in request.rows ? { ...request, rows: fromPage(request.rows) } : request;
