import { readText } from "#fixtures";
import { ChatTemplate } from "../../src/text/chat.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";

/** What transformers gives, written by scripts/oracle/text.py. */
export interface TextFixture {
  cases: { text: string; ids: number[]; literal: number[]; decoded: string; decodedSpecial: string }[];
  chats: { clips: number; text: string; system: string | null; rendered: string; ids: number[] }[];
  noise?: { ids: number[]; decoded: string }[];
}

function load(name: string, folder: string, templateFile: "chat_template.json" | "chat_template.jinja") {
  const config = readText(`${folder}/tokenizer_config.json`);
  return {
    name,
    tokenizer: Tokenizer.fromJson(readText(`${folder}/tokenizer.json`), config),
    template: ChatTemplate.fromFiles({
      [templateFile]: readText(`${folder}/${templateFile}`),
      "tokenizer_config.json": config,
    }),
    fixture: JSON.parse(readText(`test/fixtures/text/${name}.json`)) as TextFixture,
  };
}

/** The demo model's byte-level tokenizer, and a byte-fallback one as Llama's. */
export const qwen = load("qwen", "models/demo/model", "chat_template.json");
export const llama = load("llama", "test/fixtures/text/llama", "chat_template.jinja");
