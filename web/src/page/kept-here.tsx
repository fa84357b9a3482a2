import { useSignal, useSignalEffect } from "@preact/signals";
import { taskName } from "./demo.ts";
import { bytes } from "./format.ts";
import { shortName } from "./model-picker.tsx";
import { forget } from "./starting.ts";
import { kept } from "./state.ts";

/** What the browser keeps for this page, each of it to be forgotten. */
export function KeptHere() {
  const now = kept.value;
  if (!now) return null;
  const empty = now.models.length + now.runs.length + now.damaged.length === 0;
  return (
    <footer class="kept">
      <details>
        <summary>
          Kept on this machine: <b class="figures">{bytes(now.usage ?? 0)}</b>
          {now.quota !== undefined && (
            <span class="hint"> of {bytes(now.quota)} that the browser allows</span>
          )}
        </summary>
        <ul>
          {now.models.map((model) => (
            <li key={model.url}>
              <span>
                {shortName(model.url)} <small class="figures">{bytes(model.bytes)}</small>
                {!model.whole && <small> unfinished</small>}
              </span>
              <Forget what={{ model: model.url }} name={shortName(model.url)} />
            </li>
          ))}
          {now.runs.map(({ name, task, step, steps }) => (
            <li key={name}>
              <span>
                run: {taskName(task)}{" "}
                <small class="figures">
                  {step} of {steps} steps
                </small>
              </span>
              <Forget what={{ run: name }} name={`the run ${name}`} />
            </li>
          ))}
          {now.damaged.map(({ name, reason }) => (
            <li key={name}>
              <span>
                run: {name} <small>damaged: {reason}</small>
              </span>
              <Forget what={{ run: name }} name={`the damaged run ${name}`} />
            </li>
          ))}
        </ul>
        <Persistence />
      </details>
      <button type="button" disabled={empty} onClick={() => void forget("all")}>
        Forget all
      </button>
    </footer>
  );
}

const Forget = ({ what, name }: { readonly what: Parameters<typeof forget>[0]; readonly name: string }) => (
  <button type="button" class="quiet" aria-label={`Forget ${name}`} onClick={() => void forget(what)}>
    Forget
  </button>
);

/** Whether the browser may clear it by itself. */
function Persistence() {
  const firm = useSignal<boolean | undefined>(undefined);
  useSignalEffect(() => {
    void navigator.storage?.persisted?.().then((is) => {
      firm.value = is;
    });
  });
  if (firm.value === undefined) return null;
  if (firm.value) return <p class="hint">The browser keeps it until you forget it.</p>;
  const ask = async () => {
    firm.value = await navigator.storage.persist();
  };
  return (
    <p class="hint">
      The browser may clear it when space is short.{" "}
      <button type="button" onClick={() => void ask()}>
        Ask to keep it
      </button>
    </p>
  );
}
