/** Masks as conditions: made, edited with undo, read from files and written to them. */
import { HeadMask, readMask, writeMask } from "../../../src/index.ts";
import type { MaskBits } from "../engine/engine.ts";
import { demoFile, type Task, taskName } from "./demo.ts";
import {
  type Condition,
  conditions,
  type Edits,
  type MaskCondition,
  maskOf,
  masks,
  model,
  selected,
  selectedKey,
} from "./state.ts";
import { attempt } from "./troubles.ts";

let last = 0;

/** A condition of any kind without its number. */
type Unnumbered<C> = C extends Condition ? Omit<C, "key"> : never;

export function addCondition(condition: Unnumbered<Condition>): void {
  const key = ++last;
  conditions.value = [...conditions.value, { ...condition, key }];
  if (condition.kind === "mask") selectedKey.value = key;
}

export function removeCondition(key: number): void {
  conditions.value = conditions.value.filter((condition) => condition.key !== key);
}

export function setPrompt(key: number, prompt: string): void {
  conditions.value = conditions.value.map((condition) =>
    condition.key === key && condition.kind === "instruction" ? { ...condition, prompt } : condition,
  );
}

/** A mask for the model that is loaded. */
export function addMask(name: string, mask: HeadMask): void {
  add(name, { versions: [mask], at: 0, logits: mask.logits });
}

/** Under a name of its own: numbered, where it is taken. */
function add(name: string, edits: Edits): void {
  const names = new Set(masks.value.map((condition) => condition.name));
  let unique = name;
  for (let n = 2; names.has(unique); n++) unique = `${name} ${n}`;
  addCondition({ kind: "mask", name: unique, edits });
}

export async function addDemoMask(task: Task): Promise<void> {
  await attempt("The mask could not be read", async () => {
    await addMaskFile(await demoFile(`masks/${task}.safetensors`), taskName(task));
  });
}

/** @throws MaskError for a file that is no mask, or one of another model */
export async function addMaskFile(file: File, name = file.name.replace(/\.[a-z]+$/i, "")): Promise<void> {
  const loaded = model.value;
  if (!loaded) throw new Error("mask: expected a model, got none; load one first");
  const mask = await readMask(new Uint8Array(await file.arrayBuffer()), file.name, loaded);
  mask.check(loaded);
  addMask(name, mask);
}

export const maskBits = (mask: HeadMask): MaskBits => ({
  layers: mask.layers,
  heads: mask.heads,
  bits: mask.toBits(),
  metadata: mask.metadata,
});

/** Every head on, of the model that is loaded. */
export function allOn(): HeadMask {
  const { layers, heads, fingerprint } = model.value!;
  return HeadMask.all(layers, heads).withMetadata({ fingerprint });
}

function change(next: (edits: Edits) => Edits): void {
  const key = selected.value?.key;
  conditions.value = conditions.value.map((condition) =>
    condition.key === key && condition.kind === "mask"
      ? { ...condition, edits: next(condition.edits) }
      : condition,
  );
}

/** The selected mask with heads for which `isOn` says so; one more version to undo. @param isOn of gates [L·H] */
export function edit(isOn: (index: number, on: boolean) => boolean): void {
  const condition = selected.value;
  if (!condition) return;
  const mask = maskOf(condition);
  const { layers, heads, metadata } = mask;
  const on = Array.from(mask.gates(), (gate, i) => [i, isOn(i, gate === 1)] as const);
  const chosen = on.flatMap(([i, is]): [number, number][] =>
    is ? [[Math.floor(i / heads), i % heads]] : [],
  );
  const { fingerprint, task } = metadata; // what the file says of its training is no longer so
  const edited = HeadMask.fromHeads(layers, heads, chosen).withMetadata({
    ...(fingerprint && { fingerprint }),
    ...(task && { task }),
  });
  if (edited.equals(mask)) return;
  change(({ versions, at, logits }) => ({
    versions: [...versions.slice(0, at + 1), edited],
    at: at + 1,
    logits,
  }));
}

export const canUndo = ({ edits }: MaskCondition): boolean => edits.at > 0;
export const canRedo = ({ edits }: MaskCondition): boolean => edits.at < edits.versions.length - 1;
export const undo = (): void => change((edits) => ({ ...edits, at: Math.max(0, edits.at - 1) }));
export const redo = (): void =>
  change((edits) => ({ ...edits, at: Math.min(edits.versions.length - 1, edits.at + 1) }));

export const isEdited = ({ edits }: MaskCondition): boolean =>
  !edits.versions[0]!.equals(edits.versions[edits.at]!);

/** As many heads as are on, drawn anew. */
export function drawHeads(): void {
  const condition = selected.value;
  if (!condition) return;
  const { layers, heads, count } = maskOf(condition);
  const gates = HeadMask.random(layers, heads, count, crypto.getRandomValues(new Uint32Array(1))[0]!).gates();
  edit((i) => gates[i] === 1);
}

export function copyMask(): void {
  const condition = selected.value;
  if (!condition) return;
  const { versions, at, logits } = condition.edits;
  add(condition.name.replace(/ \d+$/, ""), { versions: [versions[at]!], at: 0, logits });
}

/** Saves the selected mask as a safetensors file that says which model it is of. */
export function exportMask(): void {
  const condition = selected.value;
  if (!condition || !model.value) return;
  const mask = maskOf(condition);
  const { fingerprint } = model.value;
  const file = new Blob([writeMask(mask.withMetadata({ ...mask.metadata, fingerprint }))]);
  download(file, `${condition.name.replace(/[^\w-]+/g, "-")}.safetensors`);
}

function download(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
