import { bytesOfF32, sha256 } from "../io/hash.ts";
import { encodeSafetensors, parseHeader, readTensor, SafetensorsError } from "../io/safetensors.ts";
import { memorySource } from "../io/source.ts";
import type { Store } from "../io/store.ts";
import type { EncodedClip } from "../model/index.ts";

/** What the cache asks of a model; `AudioLanguageModel` has it. */
export interface ClipEncoder {
  readonly fingerprint: string;
  readonly family: {
    audioTokens(samples: number): number;
    readonly lm: { readonly width: number };
  };
  encode(clips: readonly Float32Array[]): Promise<EncodedClip[]>;
}

const GROUP = 8; // clips encoded together
const MEMORY = 512 * 2 ** 20; // bytes of embeddings kept at hand

/**
 * Audio embeddings, made once a clip: the audio side is frozen, so a clip's embeddings serve every epoch, mask and
 * instruction. Kept in memory up to a bound (the longest unused go first), and in a store, one safetensors file a clip,
 * named by the model's fingerprint and the SHA-256 of the samples.
 */
export class ClipCache {
  readonly #kept = new Map<string, EncodedClip>(); // the longest unused first
  #bytes = 0;

  /** @param maxBytes kept in memory */
  constructor(
    private readonly model: ClipEncoder,
    private readonly store: Store | undefined,
    private readonly maxBytes: number = MEMORY,
  ) {}

  /**
   * The clips' embeddings, in their order.
   *
   * @param clips samples at 16 kHz, mono, at most the model's window each
   * @throws GenerateError for a clip too short or too long, SourceError when the store fails
   */
  async get(clips: readonly Float32Array[]): Promise<EncodedClip[]> {
    const keys = await Promise.all(clips.map(hash));
    const distinct = new Map(keys.map((key, i) => [key, clips[i]!]));
    const found = new Map<string, EncodedClip>();
    for (const [key, clip] of distinct) {
      const encoded = this.#kept.get(key) ?? (await this.#load(key, clip));
      if (encoded) found.set(key, encoded);
    }
    const missing = [...distinct.keys()].filter((key) => !found.has(key));
    for (let from = 0; from < missing.length; from += GROUP) {
      const group = missing.slice(from, from + GROUP);
      const encoded = await this.model.encode(group.map((key) => distinct.get(key)!));
      for (const [i, key] of group.entries()) {
        found.set(key, encoded[i]!);
        await this.store?.write(this.#path(key), await encodeEntry(encoded[i]!));
      }
    }
    for (const key of distinct.keys()) this.#keep(key, found.get(key)!);
    return keys.map((key) => found.get(key)!);
  }

  #path(key: string): string {
    return `${this.model.fingerprint}/${key}.safetensors`;
  }

  /** The store's entry; undefined when there is none, or it is damaged or of another shape and must be made anew. */
  async #load(key: string, clip: Float32Array): Promise<EncodedClip | undefined> {
    const bytes = await this.store?.read(this.#path(key));
    const { family } = this.model;
    return bytes && (await decodeEntry(bytes, [family.audioTokens(clip.length), family.lm.width]));
  }

  #keep(key: string, encoded: EncodedClip): void {
    if (this.#kept.delete(key)) this.#bytes -= encoded.embeddings.byteLength;
    this.#kept.set(key, encoded);
    this.#bytes += encoded.embeddings.byteLength;
    for (const [oldest, { embeddings }] of this.#kept) {
      if (this.#bytes <= this.maxBytes) return;
      this.#kept.delete(oldest);
      this.#bytes -= embeddings.byteLength;
    }
  }
}

const hash = (values: Float32Array): Promise<string> => sha256(bytesOfF32(values));

/** `embeddings` F32 [tokens, C], with their own SHA-256: the format alone does not notice a flipped bit. */
async function encodeEntry({ tokens, embeddings }: EncodedClip): Promise<Uint8Array<ArrayBuffer>> {
  const shape = [tokens, embeddings.length / tokens];
  const tensor = { name: "embeddings", dtype: "F32" as const, shape, bytes: bytesOfF32(embeddings) };
  return encodeSafetensors([tensor], { sha256: await hash(embeddings) });
}

async function decodeEntry(
  bytes: Uint8Array<ArrayBuffer>,
  [tokens, width]: readonly [number, number],
): Promise<EncodedClip | undefined> {
  try {
    const { tensors, metadata } = await parseHeader(memorySource("clip", bytes));
    const info = tensors.get("embeddings");
    if (info?.dtype !== "F32" || info.shape.join() !== `${tokens},${width}`) return undefined;
    const embeddings = new Float32Array((await readTensor(info)).buffer);
    return metadata.sha256 === (await hash(embeddings)) ? { tokens, embeddings } : undefined;
  } catch (error) {
    if (error instanceof SafetensorsError) return undefined;
    throw error;
  }
}
