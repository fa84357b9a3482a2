/** A decoder as a whole audio language model whose words are numbers: the text "12 5" is the ids 12 and 5. */
import { AudioLanguageModel } from "../../src/model/audio-model.ts";
import type { LanguageModel } from "../../src/model/language-model.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";

/** @param audioToken the id that stands for a clip in a prompt's text */
export function tinyModel(
  lm: LanguageModel & Partial<Disposable>,
  { audioToken, stop }: { audioToken: number; stop: number },
): AudioLanguageModel {
  const tokenizer = numbers(lm.vocab);
  const unused = () => {
    throw new Error("these clips are encoded");
  };
  const family = {
    lm,
    tokenizer,
    windowSeconds: 30,
    channels: "mean" as const,
    generation: { stop: [stop], maxNewTokens: 16 },
    prompt(_clips: number, text: string) {
      const ids = tokenizer.encode(text);
      return { ids, audioAt: [...ids.keys()].filter((i) => ids[i] === audioToken) };
    },
    audioTokens: unused,
    encodedSamples: unused,
    encode: unused,
    dispose: () => lm[Symbol.dispose]?.(),
  };
  return new AudioLanguageModel(family, "tiny", "tiny");
}

/** Each number up to `size` as a token of its own, spaces between. */
function numbers(size: number): Tokenizer {
  const vocab = Object.fromEntries(Array.from({ length: size }, (_, id) => [`${id}`, id]));
  const json = {
    normalizer: null,
    pre_tokenizer: { type: "WhitespaceSplit" },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab, merges: [], ignore_merges: true },
  };
  return Tokenizer.fromJson(JSON.stringify(json), undefined);
}
