import { Template } from "@huggingface/jinja";

/** A checkpoint has no chat template, or the one it has cannot be parsed or rendered. */
export class ChatTemplateError extends Error {
  override readonly name = "ChatTemplateError";
}

export type ChatContent = { type: "audio"; audio_url: string } | { type: "text"; text: string };

export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string | ChatContent[];
}

/** The files of a checkpoint that may hold its chat template, in the order they count; texts of those that exist. */
export const CHAT_FILES = ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"] as const;
export type ChatFiles = { readonly [file in (typeof CHAT_FILES)[number]]?: string | undefined };

const SPECIAL_NAMES = [
  "bos_token",
  "eos_token",
  "unk_token",
  "pad_token",
  "sep_token",
  "cls_token",
  "mask_token",
];

/** A Hugging Face chat template (Jinja with trim_blocks and lstrip_blocks), rendered as transformers renders it. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #specialTokens: Record<string, string>;

  private constructor(template: Template, specialTokens: Record<string, string>) {
    this.#template = template;
    this.#specialTokens = specialTokens;
  }

  /** @throws ChatTemplateError when no file holds a template, or it is not valid Jinja */
  static fromFiles(files: ChatFiles): ChatTemplate {
    const config = parseJson("tokenizer_config.json", files["tokenizer_config.json"]);
    const processor = parseJson("chat_template.json", files["chat_template.json"]);
    const source =
      files["chat_template.jinja"] ??
      defaultTemplate(processor.chat_template) ??
      defaultTemplate(config.chat_template);
    if (source === undefined) {
      throw new ChatTemplateError(
        `chat template: none found; looked for ${CHAT_FILES.join(", ")}; add chat_template.jinja to the model's folder`,
      );
    }
    try {
      return new ChatTemplate(new Template(source), specialTokens(config));
    } catch (error) {
      throw new ChatTemplateError(
        `chat template: not valid Jinja: ${(error as Error).message}; correct the template in the model's folder`,
        { cause: error },
      );
    }
  }

  /**
   * The prompt of `messages` as text, ending where the assistant's answer begins.
   * @throws ChatTemplateError when the template rejects the messages (`raise_exception`) or fails
   */
  render(messages: readonly ChatMessage[]): string {
    try {
      return this.#template.render({ ...this.#specialTokens, messages, add_generation_prompt: true });
    } catch (error) {
      const roles = messages.map((message) => message.role).join(", ");
      throw new ChatTemplateError(
        `chat template: failed on messages [${roles}]: ${(error as Error).message}; ` +
          "leave out the system message, or correct the template in the model's folder",
        { cause: error },
      );
    }
  }
}

/** A template is a string, or a list of { name, template }, or a record by name, of which "default" counts. */
function defaultTemplate(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.find((entry) => entry?.name === "default")?.template;
  return (value as { default?: string } | undefined)?.default;
}

/** The names of special tokens that templates may print; a token is a string or { content }. */
function specialTokens(config: Record<string, unknown>): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const name of SPECIAL_NAMES) {
    const value = config[name] as string | { content: string } | null | undefined;
    if (value) tokens[name] = typeof value === "string" ? value : value.content;
  }
  return tokens;
}

function parseJson(name: string, text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    return JSON.parse(text) ?? {};
  } catch (error) {
    throw new ChatTemplateError(`${name}: not JSON (${(error as Error).message}); fetch the file again`, {
      cause: error,
    });
  }
}
