import { Fields } from "./fields.ts";
import { type Qwen2AudioConfig, qwen2AudioConfig } from "./qwen2-audio.ts";
import { type SalmonnConfig, salmonnConfig } from "./salmonn-config.ts";

/** A model's family, and its config as the engine reads it. */
export type ModelConfig =
  | { readonly family: "qwen2_audio"; readonly config: Qwen2AudioConfig }
  | { readonly family: "salmonn"; readonly config: SalmonnConfig };

/** The families that this engine has, by their `model_type` in config.json. */
export const FAMILIES: readonly string[] = ["qwen2_audio", "salmonn"] satisfies ModelConfig["family"][];

/** The `model_type` that the text of a config.json names. Throws ConfigError when there is none. */
export function familyOf(json: string): string {
  const fields = Fields.parse(json, "config.json");
  const family = fields.text("model_type");
  fields.check();
  return family;
}

/**
 * From the text of a config.json; undefined for a family that this engine does not have.
 * @throws ConfigError naming every missing or wrong field
 */
export function modelConfig(json: string): ModelConfig | undefined {
  const family = familyOf(json);
  if (family === "qwen2_audio") return { family, config: qwen2AudioConfig(json) };
  if (family === "salmonn") return { family, config: salmonnConfig(json) };
  return undefined;
}
