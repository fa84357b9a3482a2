import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Canvas } from "./canvas.tsx";
import type { Truths } from "./demo.ts";
import { drawMel, drawWaveform } from "./draw.ts";
import { clock } from "./format.ts";
import { type Clip, chosen } from "./state.ts";

/** The chosen clip, large, with what is true of it. */
export function ClipView() {
  const clip = chosen.value;
  if (!clip) return null;
  return <View key={clip.heard.id} clip={clip} />;
}

function View({ clip }: { readonly clip: Clip }) {
  const { name, heard, truths } = clip;
  const cut = heard.seconds - heard.heard > 0.05;
  return (
    <section class={truths ? "view" : "view plain"} aria-label={`The chosen sound: ${name}`}>
      <div class="pictures">
        <Canvas class="wave" draw={(canvas) => drawWaveform(canvas, heard.waveform)} of={heard} />
        <Canvas class="mel" draw={(canvas, signal) => drawMel(canvas, heard.mel, signal)} of={heard} />
        <Player clip={clip} />
      </div>
      <div class="facts">
        <p class="figures">
          {name}: {clock(heard.seconds)}, {heard.tokens} audio tokens
          {cut && <strong> The model hears the first {clock(heard.heard)}: its window ends there.</strong>}
        </p>
        {truths && <Truth truths={truths} />}
      </div>
    </section>
  );
}

const NAMES = {
  text: "said",
  german: "in German",
  gender: "voice",
  emotion: "mood",
  caption: "heard",
} as const;

function Truth({ truths }: { readonly truths: Truths }) {
  const known = (Object.keys(NAMES) as (keyof typeof NAMES)[]).filter((name) => truths[name]);
  return (
    <dl class="truth">
      {known.map((name) => (
        <div key={name}>
          <dt>{NAMES[name]}</dt>
          <dd>{truths[name]}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Plays the clip, with a line where it is in the pictures, which show what the model hears. */
function Player({ clip: { url, name, heard } }: { readonly clip: Clip }) {
  const audio = useRef<HTMLAudioElement>(null);
  const playing = useSignal(false);
  const at = useSignal(0);
  useEffect(() => {
    if (!playing.value) return;
    const timer = setInterval(() => {
      at.value = audio.current!.currentTime;
    }, 50);
    return () => clearInterval(timer);
  }, [playing.value]);
  const toggle = () => {
    if (playing.value) audio.current!.pause();
    else void audio.current!.play().catch(() => {}); // a format that the browser does not play is still heard
  };
  return (
    <>
      {/* biome-ignore lint/a11y/useMediaCaption: the answers beside it say what it says */}
      <audio
        ref={audio}
        src={url}
        preload="none"
        onPlay={() => {
          playing.value = true;
        }}
        onPause={() => {
          playing.value = false;
        }}
      />
      {playing.value && at.value <= heard.heard && (
        <i class="playhead" style={{ left: `${(100 * at.value) / heard.heard}%` }} />
      )}
      <button
        type="button"
        class="play"
        aria-label={playing.value ? `Pause ${name}` : `Play ${name}`}
        onClick={toggle}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d={playing.value ? "M4 3h3v10H4zM9 3h3v10H9z" : "M4 2.5 13.5 8 4 13.5z"} />
        </svg>
      </button>
    </>
  );
}
