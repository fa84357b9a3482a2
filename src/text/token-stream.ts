import type { ByteDecoder } from "./decoder.ts";

/**
 * Turns token ids into text as they come. A character whose bytes are spread over several tokens is held back until
 * it is whole, so every piece is final; the pieces joined are the text of the whole sequence. O(1) a token.
 */
export class TokenStream {
  readonly #bytesOf: (id: number) => Uint8Array;
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  #stripSpace: boolean;

  /** `bytesOf`: the UTF-8 bytes of a token, none for ids that print nothing. */
  constructor(
    bytesOf: (id: number) => Uint8Array,
    { stripFirstSpace }: Pick<ByteDecoder, "stripFirstSpace">,
  ) {
    this.#bytesOf = bytesOf;
    this.#stripSpace = stripFirstSpace;
  }

  /** The text that the token `id` completes, "" while a character is still in parts. */
  push(id: number): string {
    let bytes = this.#bytesOf(id);
    if (this.#stripSpace && bytes.length > 0) {
      this.#stripSpace = false;
      if (bytes[0] === 0x20) bytes = bytes.subarray(1);
    }
    return this.#utf8.decode(bytes, { stream: true });
  }

  /** What is left: "" or U+FFFD for a character that never became whole. */
  end(): string {
    return this.#utf8.decode();
  }
}
