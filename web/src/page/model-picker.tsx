import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { PickedFile } from "../../../src/index.ts";
import { demoUrl } from "./demo.ts";
import { DEMO_MODEL, openModel } from "./starting.ts";
import { model, stage } from "./state.ts";

/** What a model is called: the end of its address, or its folder. */
export const shortName = (name: string): string =>
  name.replace(/\/+$/, "") === demoUrl("model")
    ? "demo model"
    : (name.replace(/\/+$/, "").split("/").pop() ?? name);

/** The model in use; opens to load another: the demo's, one at an address, a folder. */
export function ModelPicker() {
  const open = useSignal(false);
  const busy = stage.value.kind === "loading";
  const choose = (source: Parameters<typeof openModel>[0]) => {
    open.value = false;
    void openModel(source);
  };
  return (
    <details
      class="picker"
      open={open.value}
      onToggle={({ currentTarget }) => {
        open.value = currentTarget.open;
      }}
    >
      <summary>
        <span class="label">model</span>
        <b>{model.value ? shortName(model.value.name) : busy ? "loading …" : "none"}</b>
      </summary>
      <div class="sheet">
        <button type="button" onClick={() => choose(DEMO_MODEL)}>
          Demo model <small>3.1 M parameters, 6.2 MB</small>
        </button>
        <Address onGo={(url) => choose({ kind: "url", url })} />
        <FolderButton onGo={(name, files) => choose({ kind: "files", name, files })} />
        <p class="hint">
          A folder as Hugging Face has them: config.json, tokenizer.json, *.safetensors. A folder can be
          dropped on the page, too. Nothing is uploaded.
        </p>
      </div>
    </details>
  );
}

function Address({ onGo }: { readonly onGo: (url: string) => void }) {
  const id = useId();
  const go = (event: SubmitEvent) => {
    event.preventDefault();
    const url = new FormData(event.currentTarget as HTMLFormElement).get("url");
    if (url) onGo(String(url).replace(/\/+$/, ""));
  };
  return (
    <form class="address" onSubmit={go}>
      <label for={id}>At an address</label>
      <div class="row">
        <input id={id} name="url" type="url" required placeholder="https://…/model" spellcheck={false} />
        <button type="submit">Load</button>
      </div>
    </form>
  );
}

function FolderButton({ onGo }: { readonly onGo: (name: string, files: readonly PickedFile[]) => void }) {
  const pick = ({ currentTarget: input }: { currentTarget: HTMLInputElement }) => {
    const files = [...(input.files ?? [])].map((file) => [file.webkitRelativePath, file] as const);
    if (files[0]) onGo(files[0][0].split("/")[0] || "folder", files);
    input.value = "";
  };
  return (
    <label class="button file">
      A folder on this machine …
      <input type="file" multiple onChange={pick} {...{ webkitdirectory: true }} />
    </label>
  );
}
