import { bytes } from "./format.ts";
import { shortName } from "./model-picker.tsx";
import { cancelLoading, DEMO_MODEL, openModel } from "./starting.ts";
import { stage } from "./state.ts";

/** A line below the header while a model loads; what to do when there is none. */
export function Loading() {
  const now = stage.value;
  if (now.kind === "starting") return <p class="loading">Opening the GPU …</p>;
  if (now.kind === "empty")
    return (
      <div class="loading">
        <p>No model is loaded.</p>
        <button type="button" onClick={() => void openModel(DEMO_MODEL)}>
          Load the demo model
        </button>
      </div>
    );
  if (now.kind !== "loading") return null;
  const { name, loaded, total } = now;
  return (
    <div class="loading">
      <label>
        Loading {shortName(name)}
        <progress {...(total > 0 && { value: loaded, max: total })} />
      </label>
      <span class="figures">{total > 0 && `${bytes(loaded)} of ${bytes(total)}`}</span>
      <button type="button" onClick={cancelLoading}>
        Cancel
      </button>
    </div>
  );
}
