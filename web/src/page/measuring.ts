/** What is measured on request: each head's effect on the current answer, and what an instruction costs. */
import { question } from "./asking.ts";
import { maskBits } from "./masks.ts";
import { answers, chosen, colouring, cost, effects, engine, maskOf, selected } from "./state.ts";
import { isAbort, report } from "./troubles.ts";

let measuring: AbortController | undefined;

/** Of the selected mask on its answer about the chosen clip, head by head as they come. */
export async function measureEffects(): Promise<void> {
  const [clip, condition] = [chosen.value, selected.value];
  const answer = condition && answers.value.get(condition.key);
  if (!clip || !condition || answer?.state !== "done") return;
  stopMeasuring();
  measuring = new AbortController();
  const { signal } = measuring;
  const mask = maskOf(condition);
  const asked = question(clip.heard.id, condition);
  const show = (values: Float32Array, running: boolean) => {
    if (!signal.aborted) effects.value = { asked, values, running };
  };
  colouring.value = "effect";
  show(new Float32Array(mask.layers * mask.heads).fill(Number.NaN), true);
  try {
    const about = { clip: clip.heard.id, condition: { mask: maskBits(mask) }, answer: answer.text };
    show(await engine.value!.effects(about, (values) => show(values, true), signal), false);
  } catch (error) {
    if (effects.value?.asked === asked) effects.value = { ...effects.value, running: false };
    if (!isAbort(error)) report("The effects could not be measured", error);
  }
}

export function stopMeasuring(): void {
  measuring?.abort();
  if (effects.value?.running) effects.value = { ...effects.value, running: false };
}

/** Whether the effects are about what is now on the screen. */
export function effectsFit(): boolean {
  const [clip, condition, known] = [chosen.value, selected.value, effects.value];
  return !!clip && !!condition && known?.asked === question(clip.heard.id, condition);
}

let costing: AbortController | undefined;

/** Times the first token under an instruction and under the selected mask. */
export async function measureCost(prompt: string): Promise<void> {
  const [clip, condition] = [chosen.value, selected.value];
  if (!clip || !condition) return;
  costing?.abort();
  costing = new AbortController();
  const about = { clip: clip.heard.id, prompt, mask: maskBits(maskOf(condition)) };
  try {
    const measured = await engine.value!.cost(about, costing.signal);
    cost.value = { prompt, mask: condition.name, cost: measured };
  } catch (error) {
    report("The saving could not be measured", error);
  }
}
