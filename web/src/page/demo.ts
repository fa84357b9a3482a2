/** What lies in the page's folder of the demo: a model, clips with what is true of them, instructions and masks by task. */

import { signal } from "@preact/signals";

/** A row of clips.jsonl. */
export interface Truths {
  readonly audio: string;
  readonly split: "learn" | "eval";
  readonly text?: string;
  readonly german?: string;
  readonly gender?: string;
  readonly emotion?: string;
  readonly caption?: string;
}

interface Instructions {
  /** The right answer, with `{text}` and the like for what is true of the clip. */
  readonly answer: string;
  readonly trained: readonly string[];
  readonly reworded: readonly string[];
}

/** Tasks that there are masks and data sets for, in a person's words. */
export const TASKS = {
  asr: "transcribe",
  s2tt: "translate into German",
  gr: "name the gender",
  ser: "name the emotion",
  aac: "describe the sound",
  asr_ser: "transcript | emotion",
  gr_ser: "gender | emotion",
  asr_ser_json: "write JSON",
} as const;
export type Task = keyof typeof TASKS;
export const taskName = (task: string): string => (TASKS as Record<string, string>)[task] ?? task;

/** Clips that are there for a point they make; the first is asked about at once. */
export const SHOWN = ["speech-002", "speech-023", "speech-037", "speech-007", "sound-055"];

/** The build names the folder after what is in it: another model has another address, so that what is kept is never stale. */
declare const DEMO_FOLDER: string;

export const demoUrl = (path: string): string => new URL(`${DEMO_FOLDER}/${path}`, document.baseURI).href;

async function read(path: string): Promise<Response> {
  const response = await fetch(demoUrl(path));
  if (response.ok) return response;
  throw new Error(
    `demo: expected ${path}, got ${response.status} from the server; serve the whole built folder`,
  );
}

export const demoFile = async (path: string): Promise<File> =>
  new File([await (await read(path)).blob()], path.slice(path.lastIndexOf("/") + 1));

export interface Demo {
  readonly clips: readonly Truths[];
  readonly instructions: Readonly<Record<string, Instructions>>;
}

async function readDemo(): Promise<Demo> {
  const [rows, instructions] = await Promise.all([read("clips.jsonl"), read("instructions.json")]);
  const lines = (await rows.text()).trim().split("\n");
  return {
    clips: lines.map((line) => JSON.parse(line) as Truths).filter(({ split }) => split === "eval"),
    instructions: (await instructions.json()) as Demo["instructions"],
  };
}

/** The demo, once it was read. */
export const known = signal<Demo | undefined>(undefined);
let reading: Promise<Demo> | undefined;

/** Read once; a failure is tried anew. */
export function demo(): Promise<Demo> {
  reading ??= readDemo().then(
    (read) => {
      known.value = read;
      return read;
    },
    (error) => {
      reading = undefined;
      throw error;
    },
  );
  return reading;
}

/** The right answer to a task: its template, filled in; nothing where the truths lack a part of it. */
export function rightAnswer({ instructions }: Demo, task: string, truths: Truths): string | undefined {
  const known = truths as unknown as Record<string, string | undefined>;
  const template = instructions[task]?.answer;
  const names = template?.match(/\{\w+\}/g) ?? [];
  if (!template || names.some((name) => known[name.slice(1, -1)] === undefined)) return undefined;
  return template.replace(/\{(\w+)\}/g, (_, name: string) => known[name]!);
}

/** The task that an instruction asks for, if it is one of the demo model's. */
export function taskOf({ instructions }: Demo, prompt: string): string | undefined {
  const asked = prompt.trim().toLowerCase();
  const asks = ({ trained, reworded }: Instructions) =>
    [...trained, ...reworded].some((words) => words.toLowerCase() === asked);
  return Object.entries(instructions).find(([, instruction]) => asks(instruction))?.[0];
}
