import { clock } from "./format.ts";
import { meter, record, recording, stopRecording } from "./microphone.ts";
import { model } from "./state.ts";

export function Recorder() {
  const now = meter.value;
  if (!now)
    return (
      <button
        type="button"
        class="record"
        disabled={!model.value || recording.value}
        onClick={() => void record()}
      >
        <span class="dot" aria-hidden="true" /> Record
      </button>
    );
  const window = model.value?.windowSeconds ?? 30;
  return (
    <div class="recording">
      <button type="button" class="record on" onClick={stopRecording}>
        <span class="dot" aria-hidden="true" /> Stop
      </button>
      <meter aria-label="Level" min={0} max={1} value={Math.sqrt(now.level)} />
      <span class="figures">
        {clock(now.seconds)} of {clock(window)}
      </span>
    </div>
  );
}
