/** Learning a mask: begun, paused, gone on with after a reload; at its end the mask is a condition. */
import { readMask } from "../../../src/index.ts";
import type { LearnEvent, LearnRequest, Run } from "../engine/engine.ts";
import { demoUrl, taskName } from "./demo.ts";
import { addMask } from "./masks.ts";
import { refreshKept } from "./starting.ts";
import { engine, kept, type Lesson, lesson, model } from "./state.ts";
import { attempt, report } from "./troubles.ts";

/** How a mask is to be learned, as the form says it. */
export interface Course {
  readonly steps: number;
  readonly batch: number;
  readonly rate: number;
  readonly seed: number;
}
export const COURSE: Course = { steps: 200, batch: 8, rate: 0.3, seed: 0 };

/** The demo's data set of a task. */
export const demoRows = (task: string): LearnRequest["rows"] => ({
  url: demoUrl(`data/${task}.learn.jsonl`),
});

/** The task of what a person teaches with answers of their own. */
export const OWN = "my own";

let learning: AbortController | undefined;

export function learn(task: string, rows: LearnRequest["rows"], course: Course): Promise<void> {
  return go({ run: `${task.replace(/\W+/g, "-")}-${Date.now()}`, task, rows, ...course }, task, course.steps);
}

export const pause = (): void => learning?.abort();

/** Goes on with a run that was paused, now or on an earlier visit: it knows its own settings. */
export function resume({ run, task, steps }: Pick<Lesson, "run" | "task" | "steps">): Promise<void> {
  return go({ run }, task, steps);
}

async function go(
  request: LearnRequest | { readonly run: string },
  task: string,
  steps: number,
): Promise<void> {
  const controller = new AbortController();
  learning = controller;
  const { run } = request;
  const shown = lesson.value?.run === run ? lesson.value : undefined;
  const { losses, step } = shown ?? keptRun(run) ?? { losses: [], step: 0 };
  lesson.value = {
    ...{ run, task, steps, step, losses, state: "hearing", lasting: true, heard: [0, 0] },
    ...{ headsOn: shown?.headsOn ?? 0, heads: shown?.heads ?? model.value!.heads, logits: shown?.logits },
    ...{ secondsPerStep: undefined, notes: shown?.notes ?? [] },
  };
  const clock = new StepClock();
  try {
    const ended = await engine.value!.learn(request, (event) => follow(event, clock), controller.signal);
    await finish(ended);
    await refreshKept();
  } catch (error) {
    report("Learning stopped", error);
    await refreshKept();
    if (lesson.value?.run !== run) return;
    const left = keptRun(run);
    change(left ? { state: "paused", ...soFar(left) } : { state: "stopped" });
  }
}

const keptRun = (name: string): Run | undefined => kept.value?.runs.find((run) => run.name === name);

const soFar = ({ losses, step, lasting }: Run): Partial<Lesson> => ({ losses, step, lasting });

async function finish(run: Run): Promise<void> {
  const whole = run.step >= run.steps;
  const file = run.mask;
  const mask =
    file &&
    (await attempt("The learned mask could not be read", () =>
      readMask(file, `${run.name}.safetensors`, model.value),
    ));
  change({ state: whole ? "done" : "paused", ...soFar(run) });
  if (mask) change({ logits: mask.logits, headsOn: mask.count });
  if (mask && whole) addMask(`learned: ${taskName(run.task)}`, mask);
}

function follow(event: LearnEvent, clock: StepClock): void {
  if (event.kind === "hearing") change({ heard: [event.rows, event.of] });
  else if (event.kind === "note") change({ notes: [...lesson.value!.notes, event.text] });
  else if (event.kind === "begin") change({ state: "learning", step: event.step, steps: event.steps });
  else {
    const { step, loss, headsOn, logits } = event;
    const losses = [...lesson.value!.losses.slice(0, step - 1), loss];
    change({ step, losses, headsOn, logits, secondsPerStep: clock.tick() });
  }
}

function change(to: Partial<Lesson>): void {
  if (lesson.value) lesson.value = { ...lesson.value, ...to };
}

/** Seconds of a step, of the last ones more than of the first. */
class StepClock {
  #last = performance.now();
  #mean: number | undefined;

  tick(): number {
    const now = performance.now();
    const seconds = (now - this.#last) / 1000;
    this.#last = now;
    this.#mean = this.#mean === undefined ? seconds : 0.9 * this.#mean + 0.1 * seconds;
    return this.#mean;
  }
}
