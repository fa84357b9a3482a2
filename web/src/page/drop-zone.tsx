import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { addFiles } from "./clips.ts";
import { droppedFiles } from "./dropped.ts";
import { openModel } from "./starting.ts";
import { stage } from "./state.ts";
import { attempt } from "./troubles.ts";

/** The page as a whole takes what is dropped anywhere on it: sounds, masks, a model's folder. */
export function DropZone() {
  const over = useSignal(false);
  useEffect(() => {
    const onOver = (event: DragEvent) => {
      event.preventDefault();
      over.value = true;
    };
    const onLeave = ({ relatedTarget }: DragEvent) => {
      if (!relatedTarget) over.value = false;
    };
    const onDrop = (event: DragEvent) => {
      event.preventDefault();
      over.value = false;
      if (event.dataTransfer) void take(event.dataTransfer.items);
    };
    document.addEventListener("dragover", onOver);
    document.addEventListener("dragleave", onLeave);
    document.addEventListener("drop", onDrop);
    return () => {
      document.removeEventListener("dragover", onOver);
      document.removeEventListener("dragleave", onLeave);
      document.removeEventListener("drop", onDrop);
    };
  }, []);
  return over.value ? <div class="drop-note">Drop a sound, a mask or a model's folder</div> : null;
}

async function take(items: DataTransferItemList): Promise<void> {
  const { kind } = stage.value;
  if (kind === "starting" || kind === "unable") return;
  await attempt("What was dropped could not be read", async () => {
    const { folder, files } = await droppedFiles(items);
    if (folder) await openModel({ kind: "files", name: folder, files });
    else await addFiles(files.map(([, file]) => file));
  });
}
