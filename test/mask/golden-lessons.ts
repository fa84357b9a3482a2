/** The goldens' tiny models and their samples as lessons. */
import type { Gpu } from "../../src/gpu/index.ts";
import type { Example, Lesson } from "../../src/mask/examples.ts";
import type { EncodedClip } from "../../src/model/audio-model.ts";
import { collapseAudio } from "../../src/text/prompt.ts";
import type { Goldens } from "../model/golden.ts";
import { goldenFolder, loadGoldenModel } from "../model/golden-model.ts";
import { type Nd, row, rows } from "../reference/array.ts";
import { tinyModel } from "./tiny-model.ts";

export async function goldenAudioModel(gpu: Gpu, variant: string) {
  const { lm, config } = await loadGoldenModel(gpu, goldenFolder(variant));
  const { audioToken, stop } = config;
  return { model: tinyModel(lm, { audioToken, stop: stop[0]! }), audioToken };
}

/** A sample's sequences: the trailing labels are the answer, what comes before is the prompt, clips as the golden heard them. */
export function goldenLessons(golden: Goldens, sample: string, audioToken: number): Lesson<EncodedClip>[] {
  const [ids, valid, labels, embeds] = [
    "expanded_input_ids",
    "merged_attention_mask",
    "merged_labels",
    "merged_embeds",
  ].map((name) => golden.get(`${sample}.${name}`)) as [Nd, Nd, Nd, Nd];
  return Array.from({ length: rows(ids) }, (_, b) => {
    const places = [...row(valid, b).keys()].filter((t) => row(valid, b)[t] === 1);
    const sequence = places.map((t) => row(ids, b)[t]!);
    const answer = places.map((t) => row(labels, b)[t]!).filter((label) => label !== -100);
    const prompt = sequence.slice(0, sequence.length - answer.length);
    const clips: EncodedClip[] = [];
    for (const [i, id] of prompt.entries()) {
      if (id !== audioToken || prompt[i - 1] === audioToken) continue;
      const tokens = prompt.slice(i).findIndex((other) => other !== audioToken);
      const values = places.slice(i, i + tokens).flatMap((t) => [...row(embeds, b * ids.shape[1]! + t)]);
      clips.push({ tokens, embeddings: Float32Array.from(values) });
    }
    return {
      name: `${sample} ${b}`,
      audio: clips,
      prompt: collapseAudio(prompt, audioToken).join(" "),
      text: answer.slice(0, -1).join(" "), // the last one ends it
    };
  });
}

/** SALMONN's samples: beginning of text, words, the clip, words, then the answer. */
export function salmonnExamples(golden: Goldens, sample: string): Example[] {
  const [speech, labels] = [golden.get(`${sample}.speech_embeds`), golden.get(`${sample}.labels`)];
  const [, tokens, width] = speech.shape as [number, number, number];
  const before = [1, ...golden.ints("prompt.before_ids")];
  return Array.from({ length: rows(labels) }, (_, b) => {
    const embeddings = Float32Array.from(speech.data.slice(b * tokens * width, (b + 1) * tokens * width));
    const ids = [...before, ...Array<number>(tokens).fill(0), ...golden.ints("prompt.after_ids")];
    return {
      name: `${sample} ${b}`,
      prompt: { ids, parts: [{ clip: { tokens, embeddings }, at: before.length }] },
      answer: [...row(labels, b)].filter((label) => label !== -100),
    };
  });
}
