import {
  type AudioLanguageModel,
  describeBad,
  type LearnData,
  type Learned,
  type LearnEvent as LibraryEvent,
  type LoadedClip,
  learnRun,
  loadClip,
  parseDataset,
  type Row,
  RunError,
  readFile,
  SourceError,
  type Store,
} from "../../../src/index.ts";
import type { Clips } from "./clips.ts";
import type { LearnAsk, LearnEvent, LearnRow, Run } from "./engine.ts";
import type { Host } from "./host.ts";
import { alone, type Begun, type Runs } from "./runs.ts";

const CHECKPOINT_EVERY = 5; // steps that a reload may cost

/**
 * Learns a mask, a step at a time, so that other jobs may come between. All is kept in the run's folder: the request, the
 * rows, the clips' samples and what `learnRun` keeps; so a lost device, a pause or a reload costs a few steps at most.
 *
 * @throws RunError for a run of another model, one that is not there, or one that somebody is at; RunStoppedError when
 * it cannot go on; what `learnRun` throws before it begins
 */
export const learn = (
  host: Host,
  clips: Clips,
  runs: Runs,
  ask: LearnAsk,
  onEvent: (event: LearnEvent) => void,
  signal: AbortSignal,
): Promise<Run> =>
  alone(ask.run, async () => {
    const begun = await beginOrGoOn(await host.model(), clips, runs, ask, onEvent);
    if (await runs.finished(ask.run)) return await runs.read(ask.run);
    const { task, steps, batch, rate, seed } = begun.request;
    const store = runs.store(ask.run);
    const options = {
      settings: { steps, batch, seed, rate: schedule(rate) },
      task,
      checkpointEvery: CHECKPOINT_EVERY,
      signal,
    };
    let on: AudioLanguageModel | undefined;
    let course: AsyncGenerator<LibraryEvent, Learned> | undefined;
    const next = () =>
      host.run(async ({ model, clips: cache }) => {
        // A lost device takes its model along: a course on the new one goes on from the last checkpoint.
        if (!course || on !== model) {
          const resume = (await store.read("config.json")) !== undefined;
          on = model;
          course = learnRun(model, store, dataOf(begun, model, store), { ...options, cache, resume });
        }
        return course.next();
      });
    try {
      for (;;) {
        // To stop takes no GPU, and nobody's turn.
        const { done, value } = await (signal.aborted && course ? course.next() : next());
        if (done) {
          for (const { row } of begun.rows) await store.remove(clipPath(row)); // nothing will ask for them again
          break;
        }
        onEvent(toPage(value));
      }
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
    }
    return await runs.read(ask.run);
  });

/** The rates from warm-up to end, in the published code's proportions. */
const schedule = (peak: number) => ({ start: peak / 1e4, peak, end: peak / 100, warmup: 0.1 });

async function beginOrGoOn(
  model: AudioLanguageModel,
  clips: Clips,
  runs: Runs,
  ask: LearnAsk,
  onEvent: (event: LearnEvent) => void,
): Promise<Begun> {
  const before = await runs.begun(ask.run);
  if (before && !("rows" in ask && (await runs.finished(ask.run)))) {
    if (before.fingerprint === model.fingerprint) return before;
    throw new RunError(
      `run: expected the model that '${ask.run}' was begun with, ${before.fingerprint}, got ${model.fingerprint}; load that one`,
    );
  }
  if (!("rows" in ask))
    throw new RunError(`run: expected a run '${ask.run}' that is kept here, got none; begin one`);
  if (before) await runs.clear(ask.run);
  const { rows: asked, ...request } = ask;
  const { rows, from, notes } = await readRows(asked);
  for (const text of notes) onEvent({ kind: "note", text });
  const { fingerprint, layers, heads } = model;
  const begun = { request, rows, fingerprint, layers, heads, ...(from !== undefined && { from }) };
  const keep = async (store: Store) => {
    if (from === undefined)
      for (const { row, audio } of rows)
        await store.write(clipPath(row), bytesOf(await clips.samples(model, audio[0]!)));
    await runs.begin(store, begun);
  };
  try {
    await keep(runs.store(ask.run));
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    await keep(runs.unkept(ask.run));
    onEvent({ kind: "note", text: `${error.message}; the run is kept until this page is closed` });
  }
  return begun;
}

async function readRows(asked: readonly LearnRow[] | { readonly url: string }) {
  if (!("url" in asked)) {
    const rows = asked.map(({ clip, text }, i): Row => ({ row: i + 1, audio: [clip], text }));
    return { rows, notes: [] };
  }
  const set = parseDataset(new TextDecoder().decode(await readFile(asked.url)), asked.url);
  const bad = describeBad(set);
  return { rows: set.rows, from: new URL(".", asked.url).href, notes: bad ? [bad] : [] };
}

/** A row's clip as it was kept; one from the web is kept when it is first heard. */
const dataOf = ({ request, rows, from }: Begun, model: AudioLanguageModel, store: Store): LearnData => ({
  name: request.run,
  rows,
  async clips(row): Promise<LoadedClip> {
    const kept = await store.read(clipPath(row.row));
    if (kept) return { samples: new Float32Array(kept.buffer) };
    if (from === undefined) return { reason: `its samples are no longer in ${store.name}` };
    const clip = await loadClip(model, row, from);
    if ("samples" in clip) await store.write(clipPath(row.row), bytesOf(clip.samples));
    return clip;
  },
});

const clipPath = (row: number) => `clips/${row}.f32`;

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function toPage(event: LibraryEvent): LearnEvent {
  switch (event.kind) {
    case "heard":
      return { kind: "hearing", rows: event.rows, of: event.of };
    case "unheard":
      return { kind: "note", text: `row ${event.row} is left out: ${event.reason}` };
    case "note":
      return event;
    case "begin":
      return { kind: "begin", step: event.step, steps: event.settings.steps };
    case "step": {
      const { step, loss, on } = event.line;
      return { kind: "step", step, loss, headsOn: on, logits: event.logits.slice() };
    }
  }
}
