/** The map of heads, and the one that forms, on a page of their own: of a larger model than the tests run. */
import { render } from "preact";
import { HeadMask } from "../../src/index.ts";
import { question } from "../../web/src/page/asking.ts";
import { HeadMap } from "../../web/src/page/head-map.tsx";
import { LessonMap } from "../../web/src/page/lesson-map.tsx";
import { addMask, edit } from "../../web/src/page/masks.ts";
import { chosenId, clips, colouring, effects, model, selected } from "../../web/src/page/state.ts";

declare global {
  /** On the page: `page.evaluate` reaches it. */
  var map: {
    show(): void;
    invert(): void;
    /** Every other head is on; coloured by that. */
    switches(): void;
    /** Of the first heads, as many as are known so far. */
    effects(known: number): void;
    logits(seed: number): void;
  };
}

const SHAPE = {
  ...{ layers: 40, heads: 40, name: "large", fingerprint: "0", windowSeconds: 3 },
  ...{ seconds: 1, fetchedBytes: 0, keptBytes: 0 },
};
const COUNT = SHAPE.layers * SHAPE.heads;
const waves = (seed: number) => Float32Array.from({ length: COUNT }, (_, i) => Math.sin(seed + i / 9));

const heard = {
  ...{ id: "clip", seconds: 1, heard: 1, tokens: 25, waveform: new Float32Array(2) },
  mel: { frames: 0, bands: 80, values: new Uint8Array() },
};
const app = document.getElementById("app")!;

globalThis.map = {
  show() {
    model.value = SHAPE;
    clips.value = [{ name: "Clip", heard, url: "" }];
    chosenId.value = "clip";
    addMask("a third", HeadMask.random(SHAPE.layers, SHAPE.heads, Math.floor(COUNT / 3), 1));
    render(<HeadMap />, app);
  },
  invert: () => edit((_, on) => !on),
  switches() {
    colouring.value = "switch";
    edit((i) => i % 2 === 1);
  },
  effects(known) {
    colouring.value = "effect";
    const values = waves(0).fill(Number.NaN, known);
    effects.value = { asked: question("clip", selected.value!), values, running: known < COUNT };
  },
  logits: (seed) => render(<LessonMap logits={waves(seed)} heads={SHAPE.heads} />, app),
};
