import type { Scalar } from "../gpu/index.ts";
import { bytesOfF32, sha256 } from "../io/hash.ts";
import { encodeSafetensors, parseHeader, readTensor, SafetensorsError } from "../io/safetensors.ts";
import { memorySource, SourceError } from "../io/source.ts";
import type { Store } from "../io/store.ts";
import type { StoredClip } from "../mask/examples.ts";
import type { EncodedClip } from "../model/index.ts";

/** What the cache asks of a model; `AudioLanguageModel` has it. */
export interface ClipEncoder {
  readonly fingerprint: string;
  readonly family: {
    audioTokens(samples: number): number;
    readonly lm: { readonly width: number; readonly gpu: { readonly scalar: Scalar } };
  };
  encode(clips: readonly Float32Array[]): Promise<EncodedClip[]>;
}

const ENCODING = 1; // counts changes to what clips are encoded to: entries of another are made anew
const MEMORY = 512 * 2 ** 20; // bytes of embeddings kept at hand

/**
 * Audio embeddings, made once a clip: the audio side is frozen, so a clip's embeddings serve every epoch, mask and
 * instruction. Kept in memory up to a bound (the longest unused go first), and in a store, one safetensors file a clip,
 * named by what encodes it and the SHA-256 of the samples. Each is encoded alone: its bits depend on no other clip's.
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
      const encoded =
        this.#kept.get(key) ?? (await this.#load(key, this.model.family.audioTokens(clip.length)));
      if (encoded) found.set(key, encoded);
    }
    const missing = [...distinct.keys()].filter((key) => !found.has(key));
    for (const key of missing) {
      const [encoded] = await this.model.encode([distinct.get(key)!]);
      found.set(key, encoded!);
      await this.store?.write(this.#path(key), await encodeEntry(encoded!));
    }
    for (const key of distinct.keys()) this.#keep(key, found.get(key)!);
    return keys.map((key) => found.get(key)!);
  }

  /** The same, but for what the store has: that is fetched when it is needed. Without a store all stays in memory. */
  async stored(clips: readonly Float32Array[]): Promise<StoredClip[]> {
    const encoded = await this.get(clips);
    if (!this.store) return encoded.map((clip) => ({ tokens: clip.tokens, load: async () => clip }));
    const keys = await Promise.all(clips.map(hash));
    return encoded.map(({ tokens }, i) => ({ tokens, load: () => this.#again(keys[i]!, tokens) }));
  }

  /** What `get` made before. */
  async #again(key: string, tokens: number): Promise<EncodedClip> {
    const encoded = this.#kept.get(key) ?? (await this.#load(key, tokens));
    if (!encoded)
      throw new SourceError(
        `cache: expected ${this.#path(key)} in ${this.store?.name} to stay as it was written, got none or a damaged one; ` +
          "leave the cache alone while a run goes on",
      );
    this.#keep(key, encoded);
    return encoded;
  }

  #path(key: string): string {
    const { fingerprint, family } = this.model;
    return `${fingerprint}-${family.lm.gpu.scalar}-${ENCODING}/${key}.safetensors`;
  }

  /** The store's entry; undefined when there is none, or it is damaged or of another shape and must be made anew. */
  async #load(key: string, tokens: number): Promise<EncodedClip | undefined> {
    const bytes = await this.store?.read(this.#path(key));
    return bytes && (await decodeEntry(bytes, [tokens, this.model.family.lm.width]));
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
