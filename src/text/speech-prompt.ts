import type { Prompt } from "./prompt.ts";
import type { TextPiece, Tokenizer } from "./tokenizer.ts";

export interface SpeechPromptOptions {
  /** Number of audio clips, 0 or more; they come before the text, in order. */
  clips: number;
  /** The user's instruction; "" is allowed (a head mask can stand in for it). */
  text: string;
  /** SALMONN's `prompt_template`: `{}` is where clips and text go. */
  template: string;
  /** Id that begins a text; it also stands in for each clip. */
  start: number;
}

/**
 * Token ids of one turn as SALMONN's code puts it (evaluate.py and `prompt_wrap` of models/salmonn.py): the template
 * around `<Speech>`, the clip, `</Speech>` and the text, without spaces at its ends. What stands before, between and
 * after the clips is encoded apart, so each begins as a text does. Special tokens in the user's text are text.
 */
export function speechPrompt(tokenizer: Tokenizer, options: SpeechPromptOptions): Prompt {
  const { clips, template, start } = options;
  const at = template.indexOf("{}");
  const head = trusted(template.slice(0, at));
  const tail = [{ text: options.text.trim(), trusted: false }, trusted(template.slice(at + 2))];
  const sections: TextPiece[][] =
    clips === 0
      ? [[head, ...tail]]
      : [
          [head, trusted("<Speech>")],
          ...Array.from({ length: clips - 1 }, () => [trusted("</Speech> <Speech>")]),
          [trusted("</Speech> "), ...tail],
        ];
  const ids = [start];
  const audioAt: number[] = [];
  for (const [i, section] of sections.entries()) {
    if (i > 0) audioAt.push(ids.push(start) - 1);
    ids.push(...tokenizer.encodePieces(section));
  }
  return { ids, audioAt };
}

const trusted = (text: string): TextPiece => ({ text, trusted: true });
