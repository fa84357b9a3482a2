/** Asks about the chosen clip, under all conditions that are not answered yet, in one batch; a change aborts and asks again. */
import { batch, effect } from "@preact/signals";
import type { Piece } from "../engine/engine.ts";
import { maskBits } from "./masks.ts";
import {
  type Answer,
  answers,
  type Condition,
  chosen,
  conditions,
  engine,
  maskOf,
  speed,
  stage,
} from "./state.ts";
import { isAbort, report } from "./troubles.ts";

let asking: AbortController | undefined;

/** From now on, what is asked follows what is chosen. */
export const keepAsking = (): (() => void) =>
  effect(() => {
    const clip = chosen.value;
    const client = engine.value;
    const all = conditions.value;
    asking?.abort();
    if (!clip || !client || stage.value.kind !== "ready" || all.length === 0) return;
    asking = new AbortController();
    void ask(clip.heard.id, all, asking.signal);
  });

/** What tells an answer that is still right from one that is not. */
export function question(clip: string, condition: Condition): string {
  const { kind } = condition;
  const under =
    kind === "none" ? "" : kind === "instruction" ? condition.prompt : maskOf(condition).toBits().join();
  return `${clip} ${kind} ${under}`;
}

async function ask(clip: string, all: readonly Condition[], signal: AbortSignal): Promise<void> {
  const before = answers.peek();
  const open = all.filter((condition) => {
    const answer = before.get(condition.key);
    return answer?.state !== "done" || answer.asked !== question(clip, condition);
  });
  if (open.length === 0) return;
  const asked = open.map((condition) => question(clip, condition));
  put(
    open.map(({ key }, i) => [
      key,
      { asked: asked[i]!, text: before.get(key)?.text ?? "", state: "waiting" },
    ]),
  );
  const rows = new Rows(open, asked, signal);
  try {
    const done = await engine
      .peek()!
      .answer({ clip, conditions: open.map(crossing) }, (piece) => rows.take(piece), signal);
    if (signal.aborted) return;
    batch(() => {
      put(open.map(({ key }, i) => [key, { asked: asked[i]!, text: done.texts[i]!, state: "done" }]));
      speed.value = done.tokens / done.seconds;
    });
  } catch (error) {
    if (isAbort(error) || signal.aborted) return;
    answers.value = new Map(
      [...answers.value].filter(([key]) => !open.some((condition) => condition.key === key)),
    );
    report("The question was not answered", error);
  }
}

/** A condition as it crosses to the worker. */
export function crossing(condition: Condition) {
  if (condition.kind === "mask") return { mask: maskBits(maskOf(condition)) };
  return condition.kind === "instruction" ? { prompt: condition.prompt } : {};
}

function put(changed: readonly (readonly [number, Answer])[]): void {
  answers.value = new Map([...answers.peek(), ...changed]);
}

/** Pieces of text as they come, shown once a frame. In a hidden tab no frame comes: the end of the answer shows all. */
class Rows {
  #texts: string[];
  #frame = false;

  constructor(
    private readonly open: readonly Condition[],
    private readonly asked: readonly string[],
    private readonly signal: AbortSignal,
  ) {
    this.#texts = open.map(() => "");
  }

  take(piece: Piece | "restart"): void {
    if (piece === "restart") this.#texts = this.open.map(() => "");
    else this.#texts[piece.row] += piece.text;
    if (this.#frame) return;
    this.#frame = true;
    requestAnimationFrame(() => {
      this.#frame = false;
      this.#show();
    });
  }

  #show(): void {
    if (this.signal.aborted) return;
    const coming = this.open.flatMap(({ key }, i) => {
      const text = this.#texts[i]!;
      const shown = answers.peek().get(key);
      return text && shown?.state !== "done" && shown?.asked === this.asked[i]
        ? [[key, { asked: this.asked[i]!, text, state: "coming" }] as const]
        : [];
    });
    if (coming.length > 0) put(coming);
  }
}
