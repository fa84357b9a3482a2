import { existsSync } from "node:fs";
import { join } from "node:path";
import { readFile } from "#files";
import { decodeText, SourceError } from "../io/source.ts";
import { packageRoot } from "./package-root.ts";

/** Under what a clip is answered: an instruction, a mask of this task, or nothing. */
export type Condition = { readonly ask: string; readonly task: Task } | { readonly mask: Task } | null;

/** Tasks by their names in models/demo, in a person's words. */
export const TASKS = {
  asr: "transcribe",
  s2tt: "translate",
  gr: "name the gender",
  ser: "name the emotion",
  asr_ser_json: "write JSON",
  aac: "describe",
} as const;
export type Task = keyof typeof TASKS;

/** A row of clips.jsonl: the file, and what is true of it. */
export interface Truths {
  readonly audio: string;
  readonly text?: string;
  readonly german?: string;
  readonly gender?: string;
  readonly emotion?: string;
  readonly caption?: string;
}

export interface DemoClip {
  readonly truths: Truths;
  readonly conditions: readonly Condition[];
}

/** The clips in the order of the show; each is there for a point it makes. */
const SHOW: readonly (readonly [clip: string, ask: string, asked: Task, masks: readonly Task[]])[] = [
  // Asked nothing, the model takes to German here; each mask makes it do something else.
  ["speech-002", "transcribe the speech", "asr", ["asr", "s2tt", "gr", "ser"]],
  ["speech-023", "say it in german", "s2tt", ["asr", "asr_ser_json"]],
  // Asked nothing, it names the gender; and here the mask for translation fails.
  ["speech-037", "name the emotion", "ser", ["asr", "s2tt", "ser"]],
  ["speech-007", "male or female voice", "gr", ["s2tt", "gr"]],
  ["sound-055", "describe the sound", "aac", ["aac"]],
];

export const CLIPS = SHOW.length;

/** models/demo: its folder, the first clips of the show, and how each task's answer is made from the truths. */
export async function readDemo(clips: number) {
  const folder = join(packageRoot(), "models/demo");
  if (!existsSync(folder)) {
    throw new SourceError(
      `demo: expected the demo model in ${folder}, got nothing there; clone the repository and run \`npm run demo\` in it`,
    );
  }
  const text = async (name: string) => decodeText(name, await readFile(join(folder, name)));
  const rows = (await text("clips.jsonl"))
    .trim()
    .split("\n")
    .map((row) => JSON.parse(row) as Truths);
  const tasks: Record<Task, { readonly answer: string }> = JSON.parse(await text("instructions.json"));
  const shown = SHOW.slice(0, clips).map(([name, ask, task, masks]): DemoClip => {
    const audio = `clips/eval/${name}.flac`;
    const truths = rows.find((row) => row.audio === audio);
    if (!truths) throw new Error(`internal: clips.jsonl lacks ${audio}`);
    return { truths, conditions: [{ ask, task }, null, ...masks.map((mask) => ({ mask }))] };
  });
  /** The right answer: the task's template, filled in with what is true of the clip. */
  const truth = (task: Task, { text, german, gender, emotion, caption }: Truths) =>
    Object.entries({ text, german, gender, emotion, caption }).reduce(
      (answer, [name, value]) => answer.replace(`{${name}}`, value ?? ""),
      tasks[task].answer,
    );
  return { folder, clips: shown, truth };
}
