import { GpuError } from "./errors.ts";
import type { Gpu } from "./gpu.ts";

/** Times compute passes by the GPU's own clock: see `Recorder.time`. */
export class Timestamps {
  readonly #queries: GPUQuerySet;
  readonly #ticks: GPUBuffer; // [2] u64, ns

  /** @throws GpuError without the feature timestamp-query */
  constructor(private readonly gpu: Gpu) {
    if (!gpu.features.has("timestamp-query")) {
      throw new GpuError(
        "timestamps: expected a device with timestamp-query, got one without; time submits and drains instead",
      );
    }
    this.#queries = gpu.device.createQuerySet({ label: "timestamps", type: "timestamp", count: 2 });
    this.#ticks = gpu.device.createBuffer({
      label: "timestamps",
      size: 16,
      usage: 0x200 | 0x04 /* QUERY_RESOLVE | COPY_SRC */,
    });
  }

  /** What the pass to be timed is begun with. */
  get writes(): GPUComputePassTimestampWrites {
    return { querySet: this.#queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
  }

  /** Records fetching both times; `ms()`, called after the submit, resolves with their difference. */
  fetch(encoder: GPUCommandEncoder): { ms(): Promise<number> } {
    encoder.resolveQuerySet(this.#queries, 0, 2, this.#ticks, 0);
    const staging = this.gpu.staging.copy(encoder, { buffer: this.#ticks, byteLength: 16 });
    return {
      ms: async () => {
        const [begin, end] = new BigInt64Array(await staging.map());
        return Number(end! - begin!) / 1e6;
      },
    };
  }

  dispose(): void {
    this.#queries.destroy();
    this.#ticks.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
