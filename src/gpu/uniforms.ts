/** Bytes of one buffer: 256 dispatches at the usual alignment. */
export const UNIFORM_BYTES = 65_536;

/** Uniform buffers for the recorders' parameters, reused. */
export class Uniforms {
  readonly #idle: GPUBuffer[] = [];
  bytes = 0;

  constructor(private readonly device: GPUDevice) {}

  take(): GPUBuffer {
    const idle = this.#idle.pop();
    if (idle) return idle;
    this.bytes += UNIFORM_BYTES;
    return this.device.createBuffer({
      label: "params",
      size: UNIFORM_BYTES,
      usage: 0x40 | 0x08 /* UNIFORM | COPY_DST */,
    });
  }

  give(buffer: GPUBuffer): void {
    this.#idle.push(buffer);
  }

  trim(): void {
    for (const buffer of this.#idle.splice(0)) {
      this.bytes -= buffer.size;
      buffer.destroy();
    }
  }
}
