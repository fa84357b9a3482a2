import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { type ByteDecoder, byteFallbackBytes, compileDecoder, TokenizerError } from "./decoder.ts";
import { SentencePiece } from "./sentencepiece.ts";
import { TokenStream } from "./token-stream.ts";
import { Pipeline, type Vocabulary } from "./vocabulary.ts";

export { TokenizerError } from "./decoder.ts";
export { TokenStream } from "./token-stream.ts";

/** Text to encode: trusted text (a chat template's) may spell special tokens, user text may not. */
export interface TextPiece {
  readonly text: string;
  readonly trusted: boolean;
}

export interface DecodeOptions {
  /** Whether special tokens are spelled out (default: left out). */
  special?: boolean;
}

interface AddedToken {
  id: number;
  content: string;
  special?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
}

interface TokenizerJson {
  model?: { type?: string };
  decoder?: Parameters<typeof compileDecoder>[0];
  added_tokens?: AddedToken[];
}

const NO_BYTES = new Uint8Array(0);
const utf8 = new TextEncoder();

/**
 * A byte-pair tokenizer out of Hugging Face's tokenizer.json or SentencePiece's tokenizer.model. What counts as a special
 * token is decided here, because it depends on who wrote the text. No post-processor runs: a chat template spells its own
 * beginning-of-text token.
 */
export class Tokenizer {
  /** Ids run from 0 to `size` − 1. A model's vocabulary may be larger (padded). */
  readonly size: number;
  readonly #vocabulary: Vocabulary;
  readonly #decoder: ByteDecoder;
  readonly #added: Map<number, AddedToken>;
  readonly #special: TokenSplitter;
  readonly #ordinary: TokenSplitter;

  private constructor(vocabulary: Vocabulary, decoder: ByteDecoder, added: AddedToken[]) {
    this.#vocabulary = vocabulary;
    this.#decoder = decoder;
    this.#added = new Map(added.map((token) => [token.id, token]));
    this.#special = new TokenSplitter(added.filter((token) => token.special));
    this.#ordinary = new TokenSplitter(added.filter((token) => !token.special));
    this.size = vocabulary.size;
  }

  /**
   * Reads the text of tokenizer.json and, where the checkpoint has one, of tokenizer_config.json (for tokens that only
   * its `added_tokens_decoder` knows).
   * @throws TokenizerError when a file is missing, is not JSON, or is not a byte-pair tokenizer
   */
  static fromJson(tokenizerJson: string | undefined, tokenizerConfigJson: string | undefined): Tokenizer {
    if (tokenizerJson === undefined) {
      throw new TokenizerError(
        "tokenizer: no tokenizer.json; write one with transformers: " +
          "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)",
      );
    }
    const json = parseObject("tokenizer.json", tokenizerJson) as TokenizerJson;
    const config = tokenizerConfigJson ? parseObject("tokenizer_config.json", tokenizerConfigJson) : {};
    const type = json.model?.type;
    if (type !== "BPE") {
      throw new TokenizerError(
        `tokenizer.json: expected model.type "BPE", got ${JSON.stringify(type) ?? "nothing"}; ` +
          "only byte-pair tokenizers (Qwen, Llama, Vicuna) can be read",
      );
    }
    const added = mergeAddedTokens(json.added_tokens ?? [], config.added_tokens_decoder ?? {});
    const decoder = compileDecoder(json.decoder);
    try {
      return new Tokenizer(
        new Pipeline(new HuggingFaceTokenizer({ ...json, added_tokens: added }, config)),
        decoder,
        added,
      );
    } catch (error) {
      throw new TokenizerError(
        `tokenizer.json: ${(error as Error).message}; check that the file is whole, or write it anew with transformers`,
        { cause: error },
      );
    }
  }

  /**
   * Reads the bytes of SentencePiece's tokenizer.model; its control tokens and the unknown one are special.
   * @throws TokenizerError when it is not a byte-pair model with bytes to fall back on, as Llama's and Vicuna's
   */
  static fromSentencePiece(model: Uint8Array): Tokenizer {
    const pieces = SentencePiece.parse(model);
    const decoder = {
      bytes: (token: string) => byteFallbackBytes(token, "▁", " "),
      stripFirstSpace: pieces.addsSpace,
    };
    return new Tokenizer(pieces, decoder, [...pieces.special]);
  }

  /** Ids of a user's text: a special token's spelling in it is ordinary text. */
  encode(text: string): number[] {
    return this.encodePieces([{ text, trusted: false }]);
  }

  /** Ids of trusted text: special tokens' spellings become their ids. */
  encodeTemplate(text: string): number[] {
    return this.encodePieces([{ text, trusted: true }]);
  }

  /**
   * Ids of the joined pieces. Merges run across the joins as if the text were one string; only special tokens, found in
   * trusted pieces alone, end a run.
   */
  encodePieces(pieces: readonly TextPiece[]): number[] {
    const items: (string | AddedToken)[] = [""]; // text, special token, text, special token, …, text
    for (const { text, trusted } of pieces) {
      const [head, ...rest] = trusted ? this.#special.split(text) : [text];
      items[items.length - 1] += head as string;
      items.push(...rest);
    }
    return items.flatMap((item, i) => {
      if (typeof item !== "string") return item.id;
      const [before, after] = [items[i - 1], items[i + 1]] as (AddedToken | undefined)[];
      const right = before?.rstrip ? item.trimStart() : item;
      return this.#encodeRun(after?.lstrip ? right.trimEnd() : right, i);
    });
  }

  /** `section`: 0 for the run that opens the text; some pre-tokenizers put a word mark only there. */
  #encodeRun(text: string, section: number): number[] {
    return this.#ordinary
      .split(text)
      .flatMap((part, i) => (typeof part === "string" ? this.#vocabulary.cut(part, section + i) : part.id));
  }

  /** The text of `ids`, special tokens left out. Ids outside the vocabulary print nothing. */
  decode(ids: readonly number[], options?: DecodeOptions): string {
    const stream = this.stream(options);
    return ids.map((id) => stream.push(id)).join("") + stream.end();
  }

  /** A decoder for ids that come one by one; its pieces joined are `decode(ids, options)`. */
  stream({ special = false }: DecodeOptions = {}): TokenStream {
    return new TokenStream((id) => this.#bytesOf(id, special), this.#decoder);
  }

  #bytesOf(id: number, special: boolean): Uint8Array {
    const added = this.#added.get(id);
    if (added) return added.special && !special ? NO_BYTES : utf8.encode(added.content);
    const token = this.#vocabulary.tokenOf(id);
    return token === undefined ? NO_BYTES : this.#decoder.bytes(token);
  }

  /** The id of a token as the vocabulary spells it, special or not. */
  idOf(token: string): number | undefined {
    return this.#vocabulary.idOf(token);
  }
}

/** Cuts text at added tokens: the longest spelling wins, the leftmost first. */
class TokenSplitter {
  readonly #tokens: Map<string, AddedToken>;
  readonly #pattern: RegExp;

  constructor(tokens: AddedToken[]) {
    this.#tokens = new Map(tokens.map((token) => [token.content, token]));
    const spellings = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    const escaped = spellings.map((spelling) => spelling.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
    this.#pattern = escaped.length > 0 ? new RegExp(`(${escaped.join("|")})`, "u") : /(?!)/;
  }

  /** Text, token, text, …, text: the odd items are tokens; texts may be empty. */
  split(text: string): (string | AddedToken)[] {
    return text.split(this.#pattern).map((part, i) => (i % 2 === 1 ? this.#tokens.get(part)! : part));
  }
}

function mergeAddedTokens(added: AddedToken[], decoder: object): AddedToken[] {
  const known = new Set(added.map((token) => token.id));
  const more = Object.entries(decoder as Record<string, Omit<AddedToken, "id">>)
    .map(([id, token]) => ({ ...token, id: Number(id) }))
    .filter((token) => !known.has(token.id));
  return [...added, ...more].filter((token) => token.content !== "");
}

function parseObject(name: string, text: string): Record<string, object> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TokenizerError(`${name}: not JSON (${(error as Error).message}); fetch the file again`, {
      cause: error,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TokenizerError(`${name}: expected a JSON object; fetch the file again`);
  }
  return value as Record<string, object>;
}
