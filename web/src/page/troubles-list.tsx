import { troubles } from "./state.ts";
import { dismiss } from "./troubles.ts";

/** What went wrong (read out at once) and what should be known. */
export function Troubles() {
  return (
    <div class="troubles">
      {troubles.value.map(({ key, kind, title, text, remedy }) => (
        <div key={key} class={`trouble ${kind}`} role={kind === "error" ? "alert" : "status"}>
          <div>
            <strong>{title}</strong>
            <p>{text}</p>
            {remedy && <p class="remedy">{remedy}</p>}
          </div>
          <button type="button" class="quiet" onClick={() => dismiss(key)} aria-label={`Dismiss: ${title}`}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
