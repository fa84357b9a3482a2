import { stage } from "./state.ts";

/** In place of the page where there is no WebGPU: what that means, and what to do. */
export function Unable() {
  const now = stage.value;
  if (now.kind !== "unable") return null;
  return (
    <main class="unable">
      <h2>This browser gives the page no GPU</h2>
      <p role="alert">
        {now.remedy ?? now.text}
        {now.remedy && <small>{now.text}</small>}
      </p>
      <p>
        The model runs in the page by WebGPU, on this machine and nowhere else; there is no server that could
        do it instead. When WebGPU is there, load the page again.
      </p>
      <button type="button" class="primary" onClick={() => location.reload()}>
        Try again
      </button>
    </main>
  );
}
