import { mapTree } from "../io/params.ts";
import { planWeights } from "../io/plan.ts";
import type { Blueprint } from "./blueprint.ts";
import type { Fields } from "./fields.ts";
import { llama } from "./llama.ts";
import { withPositions } from "./load-beats.ts";
import { loraParams } from "./lora.ts";
import { isLora, loraName } from "./lora-names.ts";
import { isBesideSalmonn, salmonnParams } from "./salmonn.ts";
import type { SalmonnConfig } from "./salmonn-config.ts";
import { encodeSamples, tokenCount, WINDOW_SECONDS } from "./salmonn-family.ts";
import { statedType } from "./stated-type.ts";

/** SALMONN; `f` has config.json's fields. */
export function salmonnBlueprint(c: SalmonnConfig, f: Fields): Blueprint {
  const params = salmonnParams(c);
  const lora = loraParams(c.lora ?? { rank: 0 }, { ...c.text, layers: c.lora ? c.text.layers : 0 });
  const { g: _, ...positions } = params.audio.positions; // v becomes the weight, g goes into it
  return {
    family: "salmonn",
    parts: [
      { name: "Whisper encoder", stored: params.speech, dtype: statedType(f.child("speech_config")) },
      { name: "BEATs", stored: params.audio, made: { ...params.audio, positions }, dtype: "f32" },
      { name: "Q-Former", stored: params.connector, dtype: "f32" },
      { name: "LLaMA", stored: params.text, dtype: statedType(f.child("text_config")) },
      ...(c.lora ? [{ name: "LoRA", stored: lora.stored, made: lora.made, dtype: "f32" as const }] : []),
    ],
    text: c.text,
    windowSeconds: WINDOW_SECONDS,
    generation: c.generation,
    audioTokens: (samples) => tokenCount(c, samples),
    weights: (checkpoint) => [
      ...planWeights(checkpoint, params, { ignore: (name) => isBesideSalmonn(c, name) }),
      ...planWeights(checkpoint, lora.stored, { rename: loraName, ignore: (name) => !isLora(name) }),
    ],
    async build(gpu, make) {
      const stored = mapTree(params, make);
      const w = { ...stored, audio: await withPositions(gpu, c.audio, stored.audio) };
      const lm = llama(gpu, c.text, w.text, c.lora && mapTree(lora.made, make));
      return { lm, encode: (ops, clips) => encodeSamples(ops, c, w, clips) };
    },
  };
}
