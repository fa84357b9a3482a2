import { signal, useSignal } from "@preact/signals";
import { TASKS, taskName } from "./demo.ts";
import { COURSE, type Course, demoRows, learn, OWN, resume } from "./learning.ts";
import { LessonView } from "./lesson-view.tsx";
import { Section } from "./section.tsx";
import { clips, lesson, model, unfinished } from "./state.ts";

/** Learning a mask from examples. */
export function Learn() {
  const now = lesson.value;
  const busy = now?.state === "hearing" || now?.state === "learning";
  return (
    <Section id="learn" title="Learn a mask">
      {!busy &&
        unfinished.value.map((run) => (
          <div key={run.name} class="offer">
            <p>
              An earlier run, <b>{taskName(run.task)}</b>, stopped at step {run.step} of {run.steps}.
            </p>
            <button type="button" class="primary" onClick={() => void resume({ ...run, run: run.name })}>
              Go on
            </button>
          </div>
        ))}
      {now && <LessonView lesson={now} />}
      {!busy && now?.state !== "paused" && <Form />}
    </Section>
  );
}

const FIELDS: readonly (readonly [keyof Course, string, Record<string, number | string>])[] = [
  ["steps", "Steps", { min: 1, max: 100_000, step: 1 }],
  ["batch", "Batch", { min: 1, max: 256, step: 1 }],
  ["rate", "Rate", { min: 0.001, max: 10, step: "any" }],
  ["seed", "Seed", { min: 0, max: 2 ** 32 - 1, step: 1 }],
];

const what = signal("gr");

function Form() {
  const texts = useSignal<Readonly<Record<string, string>>>({});
  const own = clips.value.flatMap(({ heard }) => {
    const text = texts.value[heard.id]?.trim();
    return text ? [{ clip: heard.id, text }] : [];
  });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const course = Object.fromEntries(
      FIELDS.map(([name]) => [name, Number(data.get(name))]),
    ) as unknown as Course;
    const rows = what.value === OWN ? own : demoRows(what.value);
    void learn(what.value, rows, course);
  };
  return (
    <form class="learn-form" onSubmit={submit}>
      <label class="field">
        <span class="label">What</span>
        <select
          value={what.value}
          onChange={({ currentTarget }) => {
            what.value = currentTarget.value;
          }}
        >
          {Object.entries(TASKS).map(([task, name]) => (
            <option key={task} value={task}>
              {name} (demo sounds)
            </option>
          ))}
          <option value={OWN}>the sounds in my list, with my answers</option>
        </select>
      </label>
      {what.value === OWN && (
        <OwnAnswers
          texts={texts.value}
          onText={(id, text) => {
            texts.value = { ...texts.value, [id]: text };
          }}
        />
      )}
      <div class="numbers">
        {FIELDS.map(([name, label, bounds]) => (
          <label key={name} class="field">
            <span class="label">{label}</span>
            <input name={name} type="number" required defaultValue={String(COURSE[name])} {...bounds} />
          </label>
        ))}
      </div>
      <button
        type="submit"
        class="primary"
        disabled={!model.value || (what.value === OWN && own.length === 0)}
      >
        Learn
      </button>
    </form>
  );
}

interface OwnProps {
  readonly texts: Readonly<Record<string, string>>;
  readonly onText: (clip: string, text: string) => void;
}

/** The clips of the list, each with the answer that the model is to give. */
function OwnAnswers({ texts, onText }: OwnProps) {
  if (clips.value.length === 0) return <p class="empty">Add sounds to the list first.</p>;
  return (
    <div class="own">
      {clips.value.map(({ name, heard }) => (
        <label key={heard.id} class="field">
          <span class="label">{name}</span>
          <input
            value={texts[heard.id] ?? ""}
            placeholder="the answer it is to get"
            onInput={({ currentTarget }) => onText(heard.id, currentTarget.value)}
          />
        </label>
      ))}
    </div>
  );
}
