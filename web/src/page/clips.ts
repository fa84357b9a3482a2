/** Clips: dropped, picked, recorded, or of the demo. */
import type { Recording } from "../engine/engine.ts";
import { demo, demoFile, type Truths } from "./demo.ts";
import { addMaskFile } from "./masks.ts";
import { chosenId, clips, engine, hearing } from "./state.ts";
import { attempt } from "./troubles.ts";
import { waveFile } from "./wave-file.ts";

/** Hears a sound and lists it; the same sound is listed once. */
async function listen(name: string, sound: File | Recording, truths?: Truths): Promise<string | undefined> {
  hearing.value = [...hearing.value, name];
  const heard = await attempt(`“${name}” could not be heard`, () => engine.value!.hear(sound));
  hearing.value = hearing.value.filter((other) => other !== name);
  if (!heard) return undefined;
  const known = clips.value.find((clip) => clip.heard.id === heard.id);
  if (!known) {
    const url = URL.createObjectURL(sound instanceof File ? sound : waveFile(sound));
    clips.value = [...clips.value, { name, heard, url, ...(truths && { truths }) }];
  }
  return heard.id;
}

/** Files of any kind that were dropped or picked: masks become conditions, the rest is heard, the last one chosen. */
export async function addFiles(files: readonly File[]): Promise<void> {
  for (const file of files) {
    if (/\.(safetensors|pth|pt)$/i.test(file.name)) {
      await attempt(`“${file.name}” does not fit as a mask`, () => addMaskFile(file));
      continue;
    }
    const id = await listen(file.name, file);
    if (id) chosenId.value = id;
  }
}

let recordings = 0;

export async function addRecording(recording: Recording): Promise<void> {
  const id = await listen(`Recording ${++recordings}`, recording);
  if (id) chosenId.value = id;
}

/** A name that says what a demo clip is. */
export const demoName = ({ audio }: Truths): string =>
  audio
    .slice(audio.lastIndexOf("/") + 1)
    .replace(".flac", "")
    .replace("-", " ")
    .replace(/^s/, "S");

/** @param stem such as "speech-002" @param choose asks about it at once */
export async function addDemoClip(stem: string, choose: boolean): Promise<void> {
  await attempt("The demo clip could not be read", async () => {
    const audio = `clips/eval/${stem}.flac`;
    const truths = (await demo()).clips.find((clip) => clip.audio === audio);
    if (!truths) throw new Error(`demo: expected ${audio} in clips.jsonl, got none`);
    const id = await listen(demoName(truths), await demoFile(audio), truths);
    if (id && (choose || chosenId.value === undefined)) chosenId.value = id;
  });
}

export function removeClip(id: string): void {
  const gone = clips.value.find(({ heard }) => heard.id === id);
  if (!gone) return;
  URL.revokeObjectURL(gone.url);
  clips.value = clips.value.filter((clip) => clip !== gone);
  if (chosenId.value === id) chosenId.value = clips.value[0]?.heard.id;
  void engine.value?.unhear(id);
}
