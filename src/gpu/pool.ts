import { GpuError } from "./errors.ts";

const USAGE = 0x80 | 0x04 | 0x08; // STORAGE | COPY_SRC | COPY_DST; literals: the constants are no globals in Node
const IDLE = 256 * 2 ** 20; // bytes of idle buffers kept; beyond, those idle longest go when a new one is made

/**
 * Buffers by size class, so that a forward pass allocates nothing after its first run.
 * A buffer handed back may be handed out again at once: the queue runs in order, so earlier readers finish first.
 */
export class BufferPool {
  /** Bytes of all live buffers of this pool, idle ones included. */
  bytes = 0;
  #idleBytes = 0;
  readonly #idle = new Map<number, GPUBuffer[]>();

  constructor(
    private readonly device: GPUDevice,
    private readonly maxBytes: number,
  ) {}

  take(label: string, bytes: number): GPUBuffer {
    const size = sizeClass(bytes);
    const idle = this.#idle.get(size)?.pop();
    if (idle) {
      this.#idleBytes -= size;
      idle.label = label;
      return idle;
    }
    if (size > this.maxBytes) {
      throw new GpuError(
        `gpu: expected at most ${this.maxBytes} bytes a buffer (the device's limit), got ${bytes} for ${label}; ` +
          "use a smaller batch, a shorter prompt or 16-bit weights",
      );
    }
    this.trim(IDLE);
    this.bytes += size;
    return this.device.createBuffer({ label, size, usage: USAGE });
  }

  give(buffer: GPUBuffer): void {
    const list = this.#idle.get(buffer.size) ?? [];
    this.#idle.delete(buffer.size); // to the end: the map's order is that of the last use
    this.#idle.set(buffer.size, list);
    list.push(buffer);
    this.#idleBytes += buffer.size;
  }

  /** Destroys idle buffers until at most `keep` bytes of them are left. */
  trim(keep = 0): void {
    for (const [size, list] of this.#idle) {
      while (this.#idleBytes > keep && list.length > 0) {
        list.pop()!.destroy();
        this.#idleBytes -= size;
        this.bytes -= size;
      }
      if (list.length > 0) return;
      this.#idle.delete(size);
    }
  }
}

/**
 * Buffers of one recording. What the recording is done with is used again by its own later commands only: a write from
 * the host happens before the commands that are still to be submitted, so it must never meet one of these buffers.
 */
export class Arena {
  readonly #idle = new Map<number, GPUBuffer[]>();
  #released = false;

  constructor(private readonly pool: BufferPool) {}

  take(label: string, bytes: number): GPUBuffer {
    const idle = this.#idle.get(sizeClass(bytes))?.pop();
    if (!idle) return this.pool.take(label, bytes);
    idle.label = label;
    return idle;
  }

  give(buffer: GPUBuffer): void {
    const list = this.#idle.get(buffer.size);
    if (this.#released) this.pool.give(buffer);
    else if (list) list.push(buffer);
    else this.#idle.set(buffer.size, [buffer]);
  }

  /** Hands every idle buffer back to the pool, and later ones straight away: the recording is over. */
  release(): void {
    this.#released = true;
    for (const list of this.#idle.values()) for (const buffer of list) this.pool.give(buffer);
    this.#idle.clear();
  }
}

/** Bytes of the buffer for so many: rounded up to an eighth of a power of two (at most 12.5 % waste), at least 256. */
export function sizeClass(bytes: number): number {
  const step = Math.max(256, 2 ** (Math.ceil(Math.log2(Math.max(bytes, 1))) - 4));
  return Math.max(256, Math.ceil(bytes / step) * step);
}
