import { addFiles } from "./clips.ts";
import { known, TASKS, type Task } from "./demo.ts";
import { FileButton } from "./file-button.tsx";
import { addCondition, addDemoMask, addMask, allOn } from "./masks.ts";
import { conditions, model } from "./state.ts";

/** Adds an instruction, nothing, or a mask: the demo's by task, all heads on, one from a file. */
export function AddCondition() {
  const add = (what: string) => {
    if (what === "instruction") addCondition({ kind: "instruction", prompt: "say it in german" });
    else if (what === "none") addCondition({ kind: "none" });
    else if (what === "all") addMask("all heads on", allOn());
    else if (what) void addDemoMask(what as Task);
  };
  return (
    <div class="adders">
      <Suggestions />
      <select
        aria-label="Add a condition"
        value=""
        disabled={!model.value}
        onChange={({ currentTarget }) => {
          add(currentTarget.value);
          currentTarget.value = "";
        }}
      >
        <option value="">Add a condition …</option>
        <option value="instruction">an instruction</option>
        {!conditions.value.some(({ kind }) => kind === "none") && (
          <option value="none">no instruction</option>
        )}
        <option value="all">a mask: all heads on</option>
        <optgroup label="a mask of the demo model">
          {Object.entries(TASKS).map(([task, name]) => (
            <option key={task} value={task}>
              {name}
            </option>
          ))}
        </optgroup>
      </select>
      <FileButton
        label="Import a mask …"
        accept=".safetensors,.pth,.pt"
        disabled={!model.value}
        onFiles={(files) => void addFiles(files)}
      />
    </div>
  );
}

/** What the demo model was taught to understand, for the instructions' fields. */
function Suggestions() {
  const instructions = Object.values(known.value?.instructions ?? {});
  const words = instructions.flatMap(({ trained }) => trained.slice(0, 3));
  return (
    <datalist id="suggestions">
      {words.map((word) => (
        <option key={word} value={word} />
      ))}
    </datalist>
  );
}
