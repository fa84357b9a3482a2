/** The engine in a worker: `Engine`, wired to the files that each do a part of it. */
import * as Comlink from "comlink";
import { answer } from "./answers.ts";
import { Clips } from "./clips.ts";
import type { Engine, EngineEvent } from "./engine.ts";
import { Host } from "./host.ts";
import { Jobs } from "./jobs.ts";
import { openSource } from "./models.ts";
import { Reports } from "./reports.ts";

const MEMORY_EVERY = 500; // ms between looks at the GPU's memory
const PROGRESS_EVERY = 50; // ms

const notYet = () =>
  Promise.reject(new Error("engine: expected something that is there, got something to come"));

const listeners: ((event: EngineEvent) => void)[] = [];
const emit = (event: EngineEvent) => {
  for (const listen of listeners) listen(event);
};
const host = new Host(emit);
const clips = new Clips();
const jobs = new Jobs();

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
      let [last, bytes] = [0, 0];
      const model = await host.load(openSource(source), {
        signal,
        onProgress(loaded, total) {
          bytes = total;
          if (loaded < total && performance.now() < last + PROGRESS_EVERY) return;
          last = performance.now();
          reports.say([loaded, total]);
        },
      });
      await reports.heard();
      const { name, fingerprint, layers, heads, family } = model;
      const { windowSeconds } = family;
      const seconds = (performance.now() - start) / 1000;
      return { name, fingerprint, layers, heads, windowSeconds, seconds, fetchedBytes: bytes, keptBytes: 0 };
    }),

  async hear(sound) {
    const clip = await clips.hear(host.model, sound);
    return Comlink.transfer(clip, [clip.waveform.buffer, clip.mel.values.buffer]);
  },

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

  effects: notYet,
  cost: notYet,
  learn: notYet,
  abort: (job) => jobs.abort(job),
  kept: async () => ({ models: [], runs: [] }),
  forget: async () => {},
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
