import type { EncodedClip } from "../../../src/index.ts";
import type { Answered, Piece, Question } from "./engine.ts";
import type { Loaded } from "./host.ts";
import { toMask } from "./masks.ts";

/**
 * Answers about one clip under all conditions in one batch; its pieces go to `onPiece` as they are known.
 *
 * @throws MaskError for a mask of another model, GenerateError, the signal's reason
 */
export async function answer(
  { model }: Loaded,
  audio: EncodedClip,
  { conditions, maxNewTokens }: Question,
  onPiece: (piece: Piece) => void,
  signal: AbortSignal,
): Promise<Answered> {
  const start = performance.now();
  const since = () => (performance.now() - start) / 1000;
  const questions = conditions.map(({ prompt = "", mask }) => ({
    audio,
    prompt,
    ...(mask && { mask: toMask(mask) }),
  }));
  const texts = conditions.map(() => "");
  let tokens = 0;
  let firstTokenSeconds = 0;
  const options = { signal, ...(maxNewTokens !== undefined && { maxNewTokens }) };
  for await (const { row, text, last } of model.stream(questions, options)) {
    if (tokens++ === 0) firstTokenSeconds = since();
    texts[row] += text;
    if (text !== "" || last) onPiece({ row, text, last });
  }
  return { texts, tokens, seconds: since(), firstTokenSeconds };
}
