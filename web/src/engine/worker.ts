/** The engine in a worker: `Engine`, wired to the files that each do a part of it. */
import * as Comlink from "comlink";
import { answer } from "./answers.ts";
import { Clips } from "./clips.ts";
import { cost } from "./cost.ts";
import { effects } from "./effects.ts";
import type { Engine, EngineEvent } from "./engine.ts";
import { Host } from "./host.ts";
import { Jobs } from "./jobs.ts";
import { learn } from "./learning.ts";
import { keepsNothing, models, openSource } from "./models.ts";
import { Reports } from "./reports.ts";
import { Runs } from "./runs.ts";

const MEMORY_EVERY = 500; // ms between looks at the GPU's memory
const PROGRESS_EVERY = 50; // ms

const listeners: ((event: EngineEvent) => void)[] = [];
const emit = (event: EngineEvent) => {
  for (const listen of listeners) listen(event);
};
const host = new Host(emit);
const clips = new Clips();
const jobs = new Jobs();
const runs = new Runs();

const engine: Engine = {
  async start(listen) {
    listeners.push(listen);
    const { info, software } = await host.start();
    watchMemory();
    const parts = [info.vendor, info.architecture, info.device];
    return { adapter: info.description || parts.filter(Boolean).join(" "), software };
  },

  load: (job, source, onProgress) =>
    jobs.run(job, async (signal) => {
      jobs.abortOthers(job); // they are about the model that goes
      const start = performance.now();
      const reports = new Reports(([loaded, total]: readonly [number, number]) => onProgress(loaded, total));
      const { folder, read } = await openSource(source);
      let last = 0;
      const model = await host.load(folder, {
        signal,
        onProgress(loaded, total) {
          if (loaded < total && performance.now() < last + PROGRESS_EVERY) return;
          last = performance.now();
          reports.say([loaded, total]);
        },
      });
      await reports.heard();
      const { name, fingerprint, layers, heads, family } = model;
      const { windowSeconds } = family;
      const seconds = (performance.now() - start) / 1000;
      return { name, fingerprint, layers, heads, windowSeconds, seconds, ...(await read()) };
    }),

  async hear(sound) {
    const clip = await clips.hear(await host.model(), sound);
    return Comlink.transfer(clip, [clip.waveform.buffer, clip.mel.values.buffer]);
  },

  unhear: (clip) => clips.unhear(clip),

  answer: (job, question, onPiece) =>
    jobs.run(job, async (signal) => {
      const reports = new Reports(onPiece);
      const again = () => reports.say("restart");
      const answered = await host.run(
        async (loaded) => {
          const [audio] = await loaded.clips.get([await clips.samples(loaded.model, question.clip)]);
          return await answer(loaded, audio!, question, (piece) => reports.say(piece), signal);
        },
        { signal, again },
      );
      await reports.heard();
      return answered;
    }),

  effects: (job, question, onEffects) =>
    jobs.run(job, async (signal) => {
      const reports = new Reports(onEffects);
      const all = await effects(host, clips, question, (some) => reports.say(some), signal);
      await reports.heard();
      return all;
    }),

  cost: (job, question) => jobs.run(job, (signal) => cost(host, clips, question, signal)),

  learn: (job, request, onEvent) =>
    jobs.run(job, async (signal) => {
      const reports = new Reports(onEvent);
      const run = await learn(host, clips, runs, request, (event) => reports.say(event), signal);
      await reports.heard();
      return run;
    }),

  abort: (job) => jobs.abort(job),

  async kept() {
    const [kept, { runs: readable, damaged }, { usage, quota } = {}] = await Promise.all([
      models.kept().catch(keepsNothing),
      runs.all(),
      navigator.storage?.estimate(),
    ]);
    return {
      models: kept,
      runs: readable,
      damaged,
      ...(usage !== undefined && { usage }),
      ...(quota !== undefined && { quota }),
    };
  },

  async forget(what) {
    if (what !== "all") await ("model" in what ? models.forget(what.model) : runs.forget(what.run));
    else await Promise.all([models.clear(), runs.forgetAll()]);
  },
};

function watchMemory(): void {
  let last = -1;
  setInterval(() => {
    const { bytes } = host;
    if (bytes !== last) emit({ kind: "memory", bytes });
    last = bytes;
  }, MEMORY_EVERY);
}

Comlink.expose(engine);
