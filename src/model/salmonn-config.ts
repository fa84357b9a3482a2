import { roundToEven } from "../io/values.ts";
import { type BeatsConfig, beatsConfig } from "./beats.ts";
import { Fields } from "./fields.ts";
import { type LlamaConfig, llamaConfig } from "./llama.ts";
import type { LoraConfig } from "./lora.ts";
import type { QformerConfig } from "./qformer.ts";
import { type WhisperConfig, whisperConfig } from "./whisper.ts";

/** SALMONN (arXiv 2310.13289) as the fields of a config.json say; a YAML of its authors is made one (salmonn-files.ts). */
export interface SalmonnConfig {
  readonly speech: WhisperConfig;
  readonly audio: BeatsConfig;
  readonly qformer: QformerConfig;
  readonly window: number; // frames of a window
  readonly stride: number; // frames from one window to the next
  readonly text: LlamaConfig;
  readonly lora?: LoraConfig;
  readonly start: number; // id that begins a text
  readonly promptTemplate: string; // {} is where sound and instruction go
  readonly endSymbol: string; // ends an answer
  readonly generation: SalmonnGeneration;
}

/** The reference's arguments of transformers' generate. */
export interface SalmonnGeneration {
  readonly maxNewTokens: number;
  readonly minNewTokens: number;
  readonly beams: number;
  readonly lengthPenalty: number;
  readonly repetitionPenalty: number;
}

/** Frames in so many seconds, to the nearest as Python has it: Whisper's encoder has 1500 in its 30 s. */
export const secondsToFrames = (seconds: number): number => roundToEven((1500 * seconds) / 30);

/** The Q-Former begins as bert-base-uncased, cut to two layers. */
const BERT = { width: 768, ffn: 3072, heads: 12, layers: 2 };

/** How a whole template is sometimes written down; the clip's place is this engine's to fill. */
const SPEECH = "<Speech><SpeechHere></Speech> {}";

/**
 * From the text of a config.json. What it omits is as in the reference's `from_config` and `generate`.
 * @param file for messages
 * @throws ConfigError naming every missing or wrong field
 */
export function salmonnConfig(json: string, file = "config.json"): SalmonnConfig {
  const f = Fields.parse(json, file);
  f.only("model_type", "salmonn");
  f.only("use_speech_Qformer", true);
  f.only("window_level_Qformer", true);
  f.only("num_speech_query_token", 1);
  const speech = whisperConfig(f.child("speech_config"));
  const audio = beatsConfig(f.child("beats_config"));
  const bert = f.child("qformer_config");
  const width = bert.size("hidden_size", BERT.width);
  const heads = bert.size("num_attention_heads", BERT.heads);
  bert.conflict(width % heads > 0, "num_attention_heads", `a divisor of hidden_size ${width}`, heads);
  const template = f.text("prompt_template", "USER: {}\nASSISTANT:").replace(SPEECH, "{}");
  const places = template.split("{}").length === 2 && !template.includes("<Speech");
  f.conflict(!places, "prompt_template", "{} in it once, where clip and text go", template);
  const frames = (key: string) => {
    const seconds = f.number(key, 0.333333);
    f.conflict(secondsToFrames(seconds) < 1, key, "a frame (0.02) or more", seconds);
    return secondsToFrames(seconds);
  };
  const text = f.child("text_config");
  const config = {
    speech,
    audio,
    qformer: {
      width,
      ffn: bert.size("intermediate_size", BERT.ffn),
      layers: bert.size("num_hidden_layers", BERT.layers),
      heads,
      frameWidth: speech.width + audio.width,
    },
    window: frames("second_per_window"),
    stride: frames("second_stride"),
    text: llamaConfig(text),
    ...(f.flag("lora", true) && {
      lora: { rank: f.size("lora_rank", 8), alpha: f.number("lora_alpha", 32) },
    }),
    start: text.id("bos_token_id", 1),
    promptTemplate: template,
    endSymbol: f.text("end_sym", "</s>"),
    generation: generation(f.child("generate")),
  };
  f.check();
  return config;
}

function generation(f: Fields): SalmonnGeneration {
  f.only("do_sample", false); // temperature and top_p say nothing then
  return {
    maxNewTokens: f.size("max_new_tokens", 200),
    minNewTokens: Math.max(0, f.whole("min_length", 1) - 1), // the start token counts
    beams: f.size("num_beams", 4),
    lengthPenalty: f.real("length_penalty", 1),
    repetitionPenalty: f.number("repetition_penalty", 1),
  };
}
