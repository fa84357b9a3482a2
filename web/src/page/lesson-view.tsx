import { taskName } from "./demo.ts";
import { duration, plural } from "./format.ts";
import { pause, resume } from "./learning.ts";
import { LessonMap } from "./lesson-map.tsx";
import { LossCurve } from "./loss-curve.tsx";
import { lesson as current, type Lesson } from "./state.ts";

/** A run as it goes: what it does, its loss, and the map as it forms. */
export function LessonView({ lesson }: { readonly lesson: Lesson }) {
  const { state, task, step, steps, losses, heads, logits } = lesson;
  return (
    <div class="lesson">
      <header>
        <h3>{taskName(task)}</h3>
        <p role="status">{says(lesson)}</p>
        {(state === "hearing" || state === "learning") && (
          <button type="button" onClick={pause}>
            Pause
          </button>
        )}
        {state === "paused" && (
          <>
            <button type="button" class="primary" onClick={() => void resume(lesson)}>
              Go on
            </button>
            <button type="button" onClick={leave}>
              Leave it
            </button>
          </>
        )}
      </header>
      <progress aria-label="Steps" max={steps} value={step} />
      <p class="figures" aria-hidden={state === "learning"}>
        {figures(lesson)}
      </p>
      {losses.length > 0 && <LossCurve losses={losses} steps={steps} />}
      {logits && <LessonMap logits={logits} heads={heads} />}
      {lesson.notes.map((note) => (
        <p key={note} class="hint">
          {note}
        </p>
      ))}
    </div>
  );
}

/** The run stays on this machine, and is offered below. */
function leave(): void {
  current.value = undefined;
}

function says({ state, lasting, heard: [rows, of] }: Lesson): string {
  if (state === "hearing") return of > 0 ? `Hearing the examples: ${rows} of ${of}` : "Reading the examples";
  if (state === "learning") return "Learning";
  if (state === "stopped") return "Stopped, and nothing is kept of it";
  if (state === "done") return "Learned: the mask is among the answers now";
  return lasting ? "Paused, and kept on this machine" : "Paused, and kept until this page is closed";
}

function figures({ state, step, steps, losses, headsOn, secondsPerStep }: Lesson): string {
  const loss = losses[step - 1] ?? losses.at(-1);
  const left =
    state === "learning" && secondsPerStep ? `, ${duration((steps - step) * secondsPerStep)} left` : "";
  const state_ = loss === undefined ? "" : `, loss ${loss.toFixed(3)}, ${plural(headsOn, "head")} on`;
  return `step ${step} of ${steps}${state_}${left}`;
}
