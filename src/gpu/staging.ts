import type { Tensor } from "./tensor.ts";

/** Mappable buffers for reading back, reused, so that a decode step allocates none. */
export class Staging {
  readonly #idle: GPUBuffer[] = [];
  bytes = 0;
  /** Bytes copied out so far. */
  bytesRead = 0;

  constructor(
    private readonly device: GPUDevice,
    private readonly wait: <T>(promise: Promise<T>) => Promise<T>,
  ) {}

  /** Records the copy of a tensor; `map()`, called after the submit, resolves with its bytes. */
  copy(
    encoder: GPUCommandEncoder,
    tensor: Pick<Tensor, "buffer" | "byteLength">,
  ): { map(): Promise<ArrayBuffer> } {
    const size = Math.ceil(tensor.byteLength / 4) * 4;
    this.bytesRead += size;
    const buffer = this.#take(size);
    encoder.copyBufferToBuffer(tensor.buffer, 0, buffer, 0, size);
    return {
      map: async () => {
        try {
          await this.wait(buffer.mapAsync(1 /* GPUMapMode.READ */, 0, size));
          const bytes = buffer.getMappedRange(0, size).slice(0, tensor.byteLength);
          buffer.unmap();
          this.#idle.push(buffer);
          return bytes;
        } catch (error) {
          this.#drop(buffer);
          throw error;
        }
      },
    };
  }

  trim(): void {
    for (const buffer of this.#idle.splice(0)) this.#drop(buffer);
  }

  #take(size: number): GPUBuffer {
    const at = this.#idle.findIndex((b) => b.size >= size && b.size <= size * 2 + 256);
    const idle = at < 0 ? undefined : this.#idle.splice(at, 1)[0];
    if (idle) return idle;
    this.bytes += size;
    return this.device.createBuffer({
      label: "staging",
      size,
      usage: 0x01 | 0x08 /* MAP_READ | COPY_DST */,
    });
  }

  #drop(buffer: GPUBuffer): void {
    this.bytes -= buffer.size;
    buffer.destroy();
  }
}
