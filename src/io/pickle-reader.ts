/** A pickle that would run code, is damaged, or holds what torch.save does not write. */
export class PickleError extends Error {
  override name = "PickleError";
}

export const pickleError = (expected: string, got: string) =>
  new PickleError(`pickle: expected ${expected}, got ${got}`);

/** The most bytes of an int: a torch.save of a seed or a count needs 9. */
const MAX_LONG = 32;

/** The arguments of opcodes, read one after the other; little endian but for the floats. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes read so far. */
  get at(): number {
    return this.#at;
  }

  take(length: number): Uint8Array {
    const end = this.#advance(length) + length;
    return this.#bytes.subarray(end - length, end);
  }

  uint(width: 1 | 2 | 4): number {
    const at = this.#advance(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at, true) : this.#view.getUint32(at, true);
  }

  /** A count of bytes that follow. */
  length(width: 1 | 4 | 8): number {
    const count = width === 8 ? this.#view.getBigUint64(this.#advance(8), true) : this.uint(width);
    if (count > this.#bytes.length - this.#at) throw this.#short(`${count} bytes`);
    return Number(count);
  }

  /** An int in two's complement of `length` bytes. */
  long(length: number): number | bigint {
    if (length > MAX_LONG) throw pickleError(`ints of at most ${MAX_LONG} bytes`, `one of ${length}`);
    const value = this.take(length).reduce((sum, byte, i) => sum | (BigInt(byte) << BigInt(8 * i)), 0n);
    const signed = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  float(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  text(length: number): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(length));
    } catch (error) {
      if (error instanceof PickleError) throw error;
      throw pickleError("text in UTF-8", "other bytes");
    }
  }

  /** Text up to a newline. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.#short("a line");
    const text = this.text(end - this.#at);
    this.#at++;
    return text;
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw this.#short(`${length} bytes`);
    this.#at += length;
    return at;
  }

  #short(wanted: string): PickleError {
    return pickleError(
      `${wanted} at byte ${this.#at}`,
      `the end at ${this.#bytes.length}; the file is cut short`,
    );
  }
}
