import type { Checkpoint } from "../io/checkpoint.ts";
import { ConfigError } from "./fields.ts";
import type { SalmonnConfig } from "./salmonn-config.ts";

/**
 * The parts were published apart, and a wrong one among them is told by its width.
 * @throws ConfigError naming each part that does not fit, with both numbers
 */
export function checkFit({ name, tensors }: Checkpoint, c: SalmonnConfig): void {
  const problems: string[] = [];
  const fit = (part: string, got: number, tensor: string, dim: number) => {
    const expected = tensors.get(tensor)?.shape[dim];
    if (expected !== undefined && expected !== got)
      problems.push(`${part}: expected ${expected} (${tensor}), got ${got}`);
  };
  const first = "speech_Qformer.bert.encoder.layer.0.";
  fit("the width of Whisper", c.speech.width, "ln_speech.weight", 0);
  fit("the width of BEATs", c.audio.width, "ln_audio.weight", 0);
  fit("the width of the Q-Former", c.qformer.width, "speech_query_tokens", 2);
  fit("what the Q-Former hears", c.qformer.frameWidth, `${first}crossattention.self.key.weight`, 1);
  fit("the width of LLaMA", c.text.width, "speech_llama_proj.weight", 0);
  const lora = [...tensors.values()].find((info) => /\.lora_A\./.test(info.name));
  if (lora && c.lora) fit("the rank of LoRA", c.lora.rank, lora.name, 0);
  if (problems.length)
    throw new ConfigError(
      `${name}: expected parts that SALMONN was trained with, got ${problems.length} that do not fit\n  ${problems.join("\n  ")}`,
    );
}
