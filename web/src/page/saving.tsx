import { signal, useSignal } from "@preact/signals";
import { known } from "./demo.ts";
import { count, duration, signed } from "./format.ts";
import { measureCost } from "./measuring.ts";
import { Section } from "./section.tsx";
import { chosen, conditions, cost, maskOf, selected, stage } from "./state.ts";

const DAYS = 365;
const perDay = signal(100_000);

/** What dropping the instruction saves, measured here. */
export function Saving() {
  const mask = selected.value;
  const asked = conditions.value.flatMap((c) => (c.kind === "instruction" ? [c.prompt] : []));
  const prompts = [...new Set([...instructionsOf(mask && maskOf(mask).metadata.task), ...asked])];
  const picked = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const prompt = prompts.find((words) => words === picked.value) ?? prompts[0];
  const ready = stage.value.kind === "ready" && chosen.value;
  const measure = async () => {
    busy.value = true;
    await measureCost(prompt!);
    busy.value = false;
  };
  return (
    <Section id="saving" title="What it saves">
      {!prompt || !mask ? (
        <p class="empty">
          Needs an instruction and a mask among the answers, to measure one against the other.
        </p>
      ) : (
        <div class="row">
          <p>
            <i>{mask.name}</i>, the mask, in place of{" "}
            {prompts.length > 1 ? (
              <select
                aria-label="The instruction"
                value={prompt}
                onChange={({ currentTarget }) => {
                  picked.value = currentTarget.value;
                }}
              >
                {prompts.map((words) => (
                  <option key={words}>{words}</option>
                ))}
              </select>
            ) : (
              <i>“{prompt}”</i>
            )}
          </p>
          <button type="button" disabled={!ready || busy.value} onClick={() => void measure()}>
            {busy.value ? "Measuring …" : "Measure"}
          </button>
        </div>
      )}
      {cost.value && <Sums />}
    </Section>
  );
}

/** The usual words for a mask's own task, where they are known: what it is fair to measure it against. */
const instructionsOf = (task: string | undefined): readonly string[] =>
  known.value?.instructions[task ?? ""]?.trained.slice(0, 1) ?? [];

function Sums() {
  const { prompt, mask, cost: measured } = cost.value!;
  const { instruction, mask: masked, runs } = measured;
  const tokens = instruction.promptTokens - masked.promptTokens;
  const seconds = instruction.firstTokenSeconds - masked.firstTokenSeconds;
  const requests = perDay.value * DAYS;
  return (
    <div class="sums">
      <table>
        <caption class="hint">A request about this sound; medians of {runs} runs on this machine.</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">prompt tokens</th>
            <th scope="col">to the first token</th>
          </tr>
        </thead>
        <tbody>
          <Line
            name={`“${prompt}”`}
            tokens={String(instruction.promptTokens)}
            seconds={instruction.firstTokenSeconds}
          />
          <Line
            name={`mask ${mask}`}
            tokens={String(masked.promptTokens)}
            seconds={masked.firstTokenSeconds}
          />
          <tr class="total">
            <th scope="row">saved</th>
            <td>{signed(tokens, 0)}</td>
            <td>{signed(1000 * seconds, 1)} ms</td>
          </tr>
        </tbody>
      </table>
      <label class="field row">
        <span class="label">Requests a day</span>
        <input
          type="number"
          min={1}
          max={1e12}
          value={perDay.value}
          onInput={({ currentTarget }) => {
            if (currentTarget.valueAsNumber > 0) perDay.value = currentTarget.valueAsNumber;
          }}
        />
      </label>
      <p class="sum" role="status">
        In a year that is <b>{count(tokens * requests)} tokens</b> not read
        {seconds > 0 ? (
          <>
            {" "}
            and <b>{duration(seconds * requests)}</b> of this machine's time not spent.
          </>
        ) : (
          <>. No saving in time was measured.</>
        )}
      </p>
    </div>
  );
}

interface LineProps {
  readonly name: string;
  readonly tokens: string;
  readonly seconds: number;
}

const Line = ({ name, tokens, seconds }: LineProps) => (
  <tr>
    <th scope="row">{name}</th>
    <td>{tokens}</td>
    <td>{(1000 * seconds).toFixed(1)} ms</td>
  </tr>
);
