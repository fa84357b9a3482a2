import { useComputed } from "@preact/signals";
import { Canvas } from "./canvas.tsx";
import { addDemoClip, addFiles, demoName, removeClip } from "./clips.ts";
import { known } from "./demo.ts";
import { drawMel, drawWaveform } from "./draw.ts";
import { FileButton } from "./file-button.tsx";
import { clock } from "./format.ts";
import { Recorder } from "./recorder.tsx";
import { Section } from "./section.tsx";
import { type Clip, chosenId, clips, hearing, model } from "./state.ts";

export function ClipList() {
  return (
    <Section id="clips" title="Sounds">
      <div class="adders">
        <Recorder />
        <FileButton
          label="Add a file …"
          accept="audio/*,.flac,.wav,.mp3,.ogg,.oga"
          disabled={!model.value}
          onFiles={(files) => void addFiles(files)}
        />
      </div>
      {clips.value.length === 0 && hearing.value.length === 0 && (
        <p class="empty">Drop a sound anywhere on the page, record one, or take one of the demo's.</p>
      )}
      <ul class="clip-list">
        {clips.value.map((clip) => (
          <Item key={clip.heard.id} clip={clip} />
        ))}
        {hearing.value.map((name) => (
          <li key={name} class="hearing">
            Hearing {name} …
          </li>
        ))}
      </ul>
      <MoreDemoClips />
    </Section>
  );
}

function Item({ clip: { name, heard, truths } }: { readonly clip: Clip }) {
  const is = useComputed(() => chosenId.value === heard.id).value;
  const said = truths?.text ?? truths?.caption;
  return (
    <li class={is ? "clip chosen" : "clip"}>
      <button
        type="button"
        class="choose"
        aria-pressed={is}
        onClick={() => {
          chosenId.value = heard.id;
        }}
      >
        <span class="clip-name">
          <b>{name}</b> <span class="figures">{clock(heard.seconds)}</span>
        </span>
        {said && <span class="said">{said}</span>}
        <Canvas class="wave" draw={(canvas) => drawWaveform(canvas, heard.waveform)} of={heard} />
        <Canvas class="mel" draw={(canvas, signal) => drawMel(canvas, heard.mel, signal)} of={heard} />
      </button>
      <button
        type="button"
        class="quiet remove"
        aria-label={`Remove ${name}`}
        onClick={() => removeClip(heard.id)}
      >
        ✕
      </button>
    </li>
  );
}

/** All clips of the demo that nothing was learned from. */
function MoreDemoClips() {
  if (!known.value || !model.value) return null;
  return (
    <label class="field">
      <span class="label">Demo sounds</span>
      <select
        value=""
        onChange={({ currentTarget }) => {
          void addDemoClip(currentTarget.value, true);
          currentTarget.value = "";
        }}
      >
        <option value="">Choose one of {known.value.clips.length} …</option>
        {known.value.clips.map((truths) => (
          <option key={truths.audio} value={/([^/]+)\.flac$/.exec(truths.audio)?.[1]}>
            {demoName(truths)}: {truths.text ?? truths.caption}
          </option>
        ))}
      </select>
    </label>
  );
}
