import { melFrames } from "../audio/log-mel.ts";
import { SAMPLE_RATE } from "../audio/pcm.ts";
import { mapTree } from "../io/params.ts";
import { planWeights } from "../io/plan.ts";
import type { Blueprint } from "./blueprint.ts";
import type { Fields } from "./fields.ts";
import { qwen2 } from "./qwen2.ts";
import {
  audioTokens,
  encoderLength,
  isBesideQwen2Audio,
  publishedName,
  type Qwen2AudioConfig,
  qwen2AudioParams,
} from "./qwen2-audio.ts";
import { encodeSamples, MAX_NEW_TOKENS } from "./qwen2-audio-family.ts";
import { statedType } from "./stated-type.ts";

/** Qwen2-Audio; `f` has config.json's fields. */
export function qwen2AudioBlueprint(c: Qwen2AudioConfig, f: Fields): Blueprint {
  const params = qwen2AudioParams(c);
  const dtype = statedType(f);
  return {
    family: "qwen2_audio",
    parts: [
      { name: "Audio encoder", stored: params.audio, dtype },
      { name: "Projector", stored: params.projector, dtype },
      { name: "Language model", stored: params.text, dtype },
    ],
    text: c.text,
    windowSeconds: (2 * c.audio.positions * 160) / SAMPLE_RATE,
    generation: { maxNewTokens: MAX_NEW_TOKENS, beams: 1 },
    audioTokens: (samples) => audioTokens(encoderLength(melFrames(samples))),
    weights: (checkpoint) =>
      planWeights(checkpoint, params, {
        rename: publishedName,
        ignore: (name) => isBesideQwen2Audio(c, name),
      }),
    async build(gpu, make) {
      const w = mapTree(params, make);
      return { lm: qwen2(gpu, c.text, w.text), encode: (ops, clips) => encodeSamples(ops, c, w, clips) };
    },
  };
}
