import { type ChatContent, type ChatMessage, type ChatTemplate, ChatTemplateError } from "./chat.ts";
import type { TextPiece, Tokenizer } from "./tokenizer.ts";

export interface PromptOptions {
  /** Number of audio clips, 0 or more; they come before the text, in order. */
  clips: number;
  /** The user's instruction; "" is allowed (a head mask can stand in for it). */
  text: string;
  /** The system message; without it the template's own default. */
  system?: string;
  /** Spelling of the placeholder that stands for a clip, such as "<|AUDIO|>". */
  audioToken: string;
}

export interface Prompt {
  readonly ids: number[];
  /** Where in `ids` each clip's one placeholder is; the model puts the clip's embeddings there. */
  readonly audioAt: number[];
}

/**
 * Token ids of one user turn, from the start of the chat to where the answer begins. Whatever the user types is text:
 * neither special tokens nor Jinja in it have any effect.
 * @throws ChatTemplateError when the template drops the text or does not give one placeholder a clip
 */
export function buildPrompt(tokenizer: Tokenizer, template: ChatTemplate, options: PromptOptions): Prompt {
  const { clips, text, system, audioToken } = options;
  if (!Number.isInteger(clips) || clips < 0) {
    throw new RangeError(`prompt: expected a number of clips, 0 or more, got ${clips}`);
  }
  const audioId = tokenizer.idOf(audioToken);
  if (audioId === undefined) {
    throw new ChatTemplateError(
      `prompt: expected the audio token ${audioToken} in the vocabulary, got none; use the tokenizer of this model`,
    );
  }

  const guard = new UserStrings();
  const content: ChatContent[] = Array.from({ length: clips }, (_, i) => ({
    type: "audio",
    audio_url: String(i), // templates ask whether there is one, none prints it
  }));
  content.push({ type: "text", text: guard.hide(text) });
  const messages: ChatMessage[] = [{ role: "user", content }];
  if (system !== undefined) messages.unshift({ role: "system", content: guard.hide(system) });

  const ids = tokenizer.encodePieces(guard.reveal(template.render(messages)));
  const audioAt = ids.flatMap((id, i) => (id === audioId ? i : []));
  if (audioAt.length !== clips) {
    throw new ChatTemplateError(
      `prompt: expected ${clips} ${audioToken} for ${clips} clips, got ${audioAt.length} from the chat template; ` +
        "use the chat template of an audio model",
    );
  }
  return { ids, audioAt };
}

/**
 * Prompts of newer processors repeat the placeholder once per audio token, older ones hold one a clip. Either form comes
 * back as one a clip: clips are always separated by other tokens, so a run of placeholders is one clip.
 */
export function collapseAudio(ids: readonly number[], audioId: number): number[] {
  return ids.filter((id, i) => id !== audioId || ids[i - 1] !== audioId);
}

/**
 * Keeps the user's strings out of the template's sight. The template renders stand-ins, and they are exchanged for the
 * strings afterwards, so that it stays known which characters the user wrote. Whitespace at a string's ends stays with the
 * stand-in, where a template's `trim` finds it.
 */
class UserStrings {
  readonly #hidden: string[] = [];

  /** A stand-in: private-use characters around a number, which no template prints by itself. */
  hide(text: string): string {
    const core = text.trim();
    if (core === "") return text;
    const start = text.indexOf(core);
    this.#hidden.push(core);
    return `${text.slice(0, start)}\uE000${this.#hidden.length - 1}\uE001${text.slice(start + core.length)}`;
  }

  /** The rendered prompt as pieces, the user's strings back in their places. */
  reveal(rendered: string): TextPiece[] {
    const parts = rendered.split(/\uE000(\d+)\uE001/u); // template, number, template, …
    const shown = new Set(parts.filter((_, i) => i % 2 === 1).map(Number));
    const dropped = this.#hidden.find((_, i) => !shown.has(i));
    if (dropped !== undefined) {
      throw new ChatTemplateError(
        `prompt: the chat template leaves out the text ${JSON.stringify(dropped)}; put it all in the user's text`,
      );
    }
    return parts.map((part, i) =>
      i % 2 === 1 ? { text: this.#hidden[Number(part)]!, trusted: false } : { text: part, trusted: true },
    );
  }
}
