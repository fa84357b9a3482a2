import { uniform } from "../model/sample.ts";

/** A head mask that is malformed, or that does not fit the model. */
export class MaskError extends Error {
  override name = "MaskError";
}

/** What a mask must fit. */
export interface MaskedModel {
  /** Decoder layers. */
  readonly layers: number;
  /** Query heads of a layer. */
  readonly heads: number;
  /** What tells this checkpoint from others. */
  readonly fingerprint: string;
}

/** Bytes that a mask's bits take: ⌈L·H/8⌉. */
export const maskBytes = (layers: number, heads: number): number => Math.ceil((layers * heads) / 8);

/**
 * Which attention heads of a decoder are on: a value [L, H], never changed. Heads are counted l·H + h; head i is bit
 * i mod 8 (the least significant is 0) of byte ⌊i/8⌋.
 */
export class HeadMask {
  readonly layers: number;
  readonly heads: number;
  /** What its file says about it: the model's `fingerprint`, `task`, training settings. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #bits: Uint8Array; // [⌈L·H/8⌉]
  readonly #logits: Float32Array | undefined; // [L·H]

  private constructor(
    layers: number,
    heads: number,
    bits: Uint8Array,
    logits?: Float32Array,
    metadata: Readonly<Record<string, string>> = {},
  ) {
    this.layers = layers;
    this.heads = heads;
    this.#bits = bits;
    this.#logits = logits;
    this.metadata = Object.freeze({ ...metadata });
  }

  /** A head is on where its logit is ≥ 0. @param logits [L·H] f32, no NaN @throws MaskError */
  static fromLogits(layers: number, heads: number, logits: Float32Array): HeadMask {
    checkSize(layers, heads);
    if (logits.length !== layers * heads)
      throw new MaskError(
        `mask: expected ${layers * heads} logits for ${layers} × ${heads} heads, got ${logits.length}`,
      );
    const bad = logits.findIndex(Number.isNaN);
    if (bad >= 0)
      throw new MaskError(
        `mask: expected a number for layer ${Math.floor(bad / heads)}, head ${bad % heads}, got NaN; ` +
          "the training that made these logits diverged",
      );
    return new HeadMask(
      layers,
      heads,
      pack(layers, heads, (i) => logits[i]! >= 0),
      logits.slice(),
    );
  }

  /** @param bits [⌈L·H/8⌉] as `toBits` gives them, those beyond the last head 0 @throws MaskError */
  static fromBits(layers: number, heads: number, bits: Uint8Array): HeadMask {
    checkSize(layers, heads);
    const expected = maskBytes(layers, heads);
    if (bits.length !== expected)
      throw new MaskError(
        `mask: expected ${expected} bytes for ${layers} × ${heads} heads, got ${bits.length}; ` +
          "this mask was made for another model",
      );
    const mask = new HeadMask(layers, heads, bits.slice());
    for (let i = layers * heads; i < 8 * expected; i++)
      if (mask.#bit(i))
        throw new MaskError(`mask: expected 0 beyond head ${layers * heads - 1}, got 1 at bit ${i}`);
    return mask;
  }

  /** @param on [layer, head] of each head that is on, in any order @throws MaskError */
  static fromHeads(layers: number, heads: number, on: Iterable<readonly [number, number]>): HeadMask {
    checkSize(layers, heads);
    const chosen = new Set<number>();
    for (const [layer, head] of on) chosen.add(headIndex(layers, heads, layer, head));
    return new HeadMask(
      layers,
      heads,
      pack(layers, heads, (i) => chosen.has(i)),
    );
  }

  /** Every head on: the model as it is. */
  static all(layers: number, heads: number): HeadMask {
    checkSize(layers, heads);
    return new HeadMask(
      layers,
      heads,
      pack(layers, heads, () => true),
    );
  }

  /** Exactly `on` heads, drawn evenly; the same seed (0 … 2^32 − 1) gives the same mask. @throws MaskError */
  static random(layers: number, heads: number, on: number, seed: number): HeadMask {
    checkSize(layers, heads);
    const total = layers * heads;
    if (!Number.isInteger(on) || on < 0 || on > total)
      throw new MaskError(`mask: expected 0 to ${total} heads on, got ${on}`);
    const order = Uint32Array.from({ length: total }, (_, i) => i);
    for (let i = 0; i < on; i++) {
      const j = i + Math.floor(uniform(seed, 0, i) * (total - i));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    const chosen = new Set(order.subarray(0, on));
    return new HeadMask(
      layers,
      heads,
      pack(layers, heads, (i) => chosen.has(i)),
    );
  }

  /** The same mask with other metadata. */
  withMetadata(metadata: Readonly<Record<string, string>>): HeadMask {
    return new HeadMask(this.layers, this.heads, this.#bits, this.#logits, metadata);
  }

  /** The logits [L·H] it was made from, if it was; a copy. */
  get logits(): Float32Array<ArrayBuffer> | undefined {
    return this.#logits?.slice();
  }

  /** @throws MaskError for a layer or head there is not */
  isOn(layer: number, head: number): boolean {
    return this.#bit(headIndex(this.layers, this.heads, layer, head));
  }

  /** Heads on. */
  get count(): number {
    return this.gates().reduce((sum, gate) => sum + gate, 0);
  }

  /** [⌈L·H/8⌉]; a copy. */
  toBits(): Uint8Array<ArrayBuffer> {
    return this.#bits.slice();
  }

  /** [L·H] of 1 (on) and 0, as the attention kernels take it. */
  gates(): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length: this.layers * this.heads }, (_, i) => Number(this.#bit(i)));
  }

  /** Whether the same heads of as many are on, whatever logits and metadata say. */
  equals(other: HeadMask): boolean {
    return (
      this.layers === other.layers &&
      this.heads === other.heads &&
      this.#bits.every((byte, i) => byte === other.#bits[i])
    );
  }

  /** @throws MaskError unless it is a mask of this model; a mask without a fingerprint may be of any of its size */
  check({ layers, heads, fingerprint }: MaskedModel): void {
    if (this.layers !== layers || this.heads !== heads)
      throw new MaskError(
        `mask: expected ${layers} × ${heads} heads (layers × heads of a layer), got ${this.layers} × ${this.heads}; ` +
          "this mask was made for another model",
      );
    const made = this.metadata.fingerprint;
    if (made !== undefined && made !== fingerprint)
      throw new MaskError(
        `mask: expected the model's fingerprint ${fingerprint}, got ${made}; this mask was made for another model`,
      );
  }

  #bit(i: number): boolean {
    return ((this.#bits[i >> 3]! >> (i & 7)) & 1) === 1;
  }
}

function pack(layers: number, heads: number, isOn: (i: number) => boolean): Uint8Array<ArrayBuffer> {
  const bits = new Uint8Array(maskBytes(layers, heads));
  for (let i = 0; i < layers * heads; i++) if (isOn(i)) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

function checkSize(layers: number, heads: number): void {
  const legal = [layers, heads].every((n) => Number.isSafeInteger(n) && n > 0) && layers * heads < 2 ** 31;
  if (!legal) throw new MaskError(`mask: expected 1 or more layers and heads, got ${layers} × ${heads}`);
}

function headIndex(layers: number, heads: number, layer: number, head: number): number {
  const within = (n: number, size: number) => Number.isInteger(n) && n >= 0 && n < size;
  if (!within(layer, layers) || !within(head, heads))
    throw new MaskError(
      `mask: expected layer 0 to ${layers - 1} and head 0 to ${heads - 1}, got layer ${layer}, head ${head}`,
    );
  return layer * heads + head;
}
