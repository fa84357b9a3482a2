/** How a number is stored on the GPU. 16-bit types are packed two to a u32 and widened in the kernel. */
export type DType = "f32" | "f16" | "bf16" | "u32" | "i32";

/** Bytes of one element. */
export const BYTES: Readonly<Record<DType, number>> = { f32: 4, f16: 2, bf16: 2, u32: 4, i32: 4 };

/** Product of the dimensions; 1 for a scalar. */
export const count = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** Where a tensor's buffer comes from and goes back to. */
export interface BufferOwner {
  take(label: string, bytes: number): GPUBuffer;
  give(buffer: GPUBuffer): void;
}

/** A row-major array in one GPU buffer. Its buffer goes back to the pool on `dispose()`. */
export class Tensor {
  readonly length: number; // elements
  readonly byteLength: number; // without the buffer's padding
  readonly buffer: GPUBuffer;
  #owner: BufferOwner | undefined;

  constructor(
    readonly label: string,
    readonly shape: readonly number[],
    readonly dtype: DType,
    owner: BufferOwner,
  ) {
    this.length = count(shape);
    this.byteLength = this.length * BYTES[dtype];
    // Whole vec4s: shaders read 16 bytes at a time.
    this.buffer = owner.take(label, Math.ceil(this.byteLength / 16) * 16);
    this.#owner = owner;
  }

  /** Rows of a matrix; everything before the last dimension. */
  get rows(): number {
    return this.length / this.width;
  }

  /** Elements of a row: the last dimension. */
  get width(): number {
    return this.shape[this.shape.length - 1] ?? 1;
  }

  get disposed(): boolean {
    return this.#owner === undefined;
  }

  /** Hands the buffer back. Work already recorded on it still runs first: the queue is in order. */
  dispose(): void {
    this.#owner?.give(this.buffer);
    this.#owner = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return `${this.label} [${this.shape.join(", ")}] ${this.dtype}`;
  }
}
