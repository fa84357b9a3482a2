import { useComputed } from "@preact/signals";
import { useId } from "preact/hooks";
import { type Demo, known, rightAnswer, type Truths, taskOf } from "./demo.ts";
import { isEdited, removeCondition, setPrompt } from "./masks.ts";
import {
  answers,
  type Condition,
  chosen,
  type MaskCondition,
  maskOf,
  selected,
  selectedKey,
} from "./state.ts";

export function AnswerCard({ condition }: { readonly condition: Condition }) {
  const { key, kind } = condition;
  const shown = useComputed(() => selected.value?.key === key).value && kind === "mask";
  return (
    <li class={`card ${kind}${shown ? " selected" : ""}`}>
      <header>
        {kind === "mask" && <MaskTitle condition={condition} shown={shown} />}
        {kind === "instruction" && <Instruction id={key} prompt={condition.prompt} />}
        {kind === "none" && <h3>No instruction, no mask</h3>}
        <button
          type="button"
          class="quiet remove"
          aria-label={`Remove this condition: ${titleOf(condition)}`}
          onClick={() => removeCondition(key)}
        >
          ✕
        </button>
      </header>
      <AnswerText condition={condition} />
    </li>
  );
}

export const titleOf = (condition: Condition): string =>
  condition.kind === "mask"
    ? `mask ${condition.name}`
    : condition.kind === "none"
      ? "no instruction"
      : `“${condition.prompt}”`;

function MaskTitle({ condition, shown }: { readonly condition: MaskCondition; readonly shown: boolean }) {
  const mask = maskOf(condition);
  return (
    <button
      type="button"
      class="mask-title"
      aria-pressed={shown}
      title="Show this mask in the map"
      onClick={() => {
        selectedKey.value = condition.key;
      }}
    >
      <span class="label">mask{isEdited(condition) && ", edited"}</span>
      <h3>{condition.name}</h3>
      <span class="figures">
        {mask.count} of {mask.layers * mask.heads} heads
      </span>
    </button>
  );
}

/** The instruction, to be typed over; asked when it rests. */
function Instruction({ id, prompt }: { readonly id: number; readonly prompt: string }) {
  const field = useId();
  return (
    <div class="instruction">
      <label class="label" for={field}>
        instruction
      </label>
      <input
        id={field}
        value={prompt}
        list="suggestions"
        placeholder="Type what the model is to do"
        onChange={({ currentTarget }) => setPrompt(id, currentTarget.value)}
      />
    </div>
  );
}

function AnswerText({ condition }: { readonly condition: Condition }) {
  const answer = useComputed(() => answers.value.get(condition.key)).value;
  const state = answer?.state ?? "waiting";
  return (
    <>
      <p class={`answer ${state}`} aria-live="polite" aria-busy={state !== "done"}>
        {answer?.text ||
          (state === "done" ? <span class="nothing">(nothing)</span> : <span class="dots">…</span>)}
      </p>
      <Verdict condition={condition} text={state === "done" ? answer?.text : undefined} />
    </>
  );
}

/** Whether the answer is right, where it is known what was asked for and what is true. */
function Verdict({ condition, text }: { readonly condition: Condition; readonly text: string | undefined }) {
  const truths = chosen.value?.truths;
  const right = known.value && truths && rightUnder(known.value, condition, truths);
  if (text === undefined || right === undefined) return null;
  return right === text ? (
    <p class="verdict right">✓ correct</p>
  ) : (
    <p class="verdict">
      correct: <i>{right}</i>
    </p>
  );
}

function rightUnder(read: Demo, condition: Condition, truths: Truths): string | undefined {
  const { kind } = condition;
  const task =
    kind === "instruction"
      ? taskOf(read, condition.prompt)
      : kind === "mask"
        ? maskOf(condition).metadata.task
        : undefined;
  return task && rightAnswer(read, task, truths);
}
