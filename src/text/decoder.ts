/** tokenizer.json or what surrounds it cannot be used; the message says why and what to do. */
export class TokenizerError extends Error {
  override readonly name = "TokenizerError";
}

/** The `decoder` section of tokenizer.json, compiled: every token spells UTF-8 bytes, whole characters or parts of them. */
export interface ByteDecoder {
  /** The bytes of one token of the vocabulary. */
  bytes(token: string): Uint8Array;
  /** Whether the text of a whole sequence loses one leading space (vocabularies that mark words by "▁"). */
  readonly stripFirstSpace: boolean;
}

interface Step {
  type: string;
  decoders?: Step[];
  pattern?: { String?: string };
  content?: string;
}

const utf8 = new TextEncoder();

/**
 * Compiles the two decoders that byte-pair vocabularies use: `ByteLevel` (GPT-2, Qwen) and the sequence
 * `Replace, ByteFallback, Fuse, Strip` (Llama, Vicuna).
 * @throws TokenizerError for any other
 */
export function compileDecoder(decoder: Step | null | undefined): ByteDecoder {
  const steps = decoder?.type === "Sequence" ? (decoder.decoders ?? []) : decoder ? [decoder] : [];
  const kinds = steps.map((step) => step.type).join(", ");
  if (kinds === "ByteLevel") return { bytes: byteLevelBytes, stripFirstSpace: false };
  if (kinds === "Replace, ByteFallback, Fuse, Strip") {
    const { pattern, content } = steps[0]!;
    return {
      bytes: (token) => byteFallbackBytes(token, pattern?.String ?? "▁", content ?? " "),
      stripFirstSpace: true,
    };
  }
  throw new TokenizerError(
    `tokenizer.json: expected a decoder ByteLevel or Replace, ByteFallback, Fuse, Strip, got ${kinds || "none"}; ` +
      "use a byte-level or byte-fallback BPE tokenizer",
  );
}

/** GPT-2's printable stand-ins: the bytes of visible Latin-1 are themselves, the others U+0100, U+0101, … in order. */
const BYTE_OF = (() => {
  const table = new Map<string, number>();
  let standIn = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const visible = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    table.set(String.fromCharCode(visible ? byte : standIn++), byte);
  }
  return table;
})();

function byteLevelBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length); // stand-ins are one UTF-16 unit each
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF.get(token[i]!);
    if (byte === undefined) return utf8.encode(token); // not spelled in stand-ins at all: its own text
    bytes[i] = byte;
  }
  return bytes;
}

/** Bytes of a token of Llama's kind: `<0xNN>` is that byte, `mark` a space. */
export function byteFallbackBytes(token: string, mark: string, space: string): Uint8Array {
  const byte = /^<0x([0-9A-F]{2})>$/.exec(token);
  return byte ? Uint8Array.of(Number.parseInt(byte[1]!, 16)) : utf8.encode(token.replaceAll(mark, space));
}
