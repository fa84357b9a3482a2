import { canRedo, canUndo, copyMask, drawHeads, edit, exportMask, redo, undo } from "./masks.ts";
import { selected } from "./state.ts";

/** What is done to the mask as a whole. */
export function MapTools() {
  const mask = selected.value!;
  return (
    <div class="tools" role="toolbar" aria-label="The mask as a whole">
      <button type="button" disabled={!canUndo(mask)} onClick={undo} aria-label="Undo" title="Undo (Ctrl+Z)">
        ↶
      </button>
      <button
        type="button"
        disabled={!canRedo(mask)}
        onClick={redo}
        aria-label="Redo"
        title="Redo (Ctrl+Shift+Z)"
      >
        ↷
      </button>
      <span class="gap" />
      <button type="button" onClick={() => edit(() => true)}>
        All on
      </button>
      <button type="button" onClick={() => edit((_, on) => !on)}>
        Invert
      </button>
      <button type="button" onClick={drawHeads} title="As many heads as are on, drawn anew">
        Random
      </button>
      <span class="gap" />
      <button type="button" onClick={copyMask}>
        Copy
      </button>
      <button type="button" onClick={exportMask} title="A .safetensors file that the command line takes, too">
        Export
      </button>
    </div>
  );
}
