import { GpuError } from "./errors.ts";
import type { Gpu } from "./gpu.ts";

const MOST_PASSES = 2048; // WebGPU's 4096 queries a set

/** Times compute passes by the GPU's own clock: see `Recorder.time` and `Recorder.profile`. */
export class Timestamps {
  readonly #queries: GPUQuerySet;
  readonly #ticks: GPUBuffer; // [passes, 2] u64, ns

  /** @throws GpuError without the feature timestamp-query, or for more passes than a query set holds */
  constructor(
    private readonly gpu: Gpu,
    readonly passes = 1,
  ) {
    if (!gpu.features.has("timestamp-query")) {
      throw new GpuError(
        "timestamps: expected a device with timestamp-query, got one without; time submits and drains instead",
      );
    }
    if (passes > MOST_PASSES)
      throw new GpuError(`timestamps: expected at most ${MOST_PASSES} passes, got ${passes}; time a part`);
    this.#queries = gpu.device.createQuerySet({ label: "timestamps", type: "timestamp", count: 2 * passes });
    this.#ticks = gpu.device.createBuffer({
      label: "timestamps",
      size: 16 * passes,
      usage: 0x200 | 0x04 /* QUERY_RESOLVE | COPY_SRC */,
    });
  }

  /** What the pass to be timed is begun with. */
  writes(pass = 0): GPUComputePassTimestampWrites {
    return {
      querySet: this.#queries,
      beginningOfPassWriteIndex: 2 * pass,
      endOfPassWriteIndex: 2 * pass + 1,
    };
  }

  /** Records fetching all times; `ms()`, called after the submit, resolves with what each pass took. */
  fetch(encoder: GPUCommandEncoder): { ms(): Promise<number[]> } {
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.passes, this.#ticks, 0);
    const staging = this.gpu.staging.copy(encoder, { buffer: this.#ticks, byteLength: 16 * this.passes });
    return {
      ms: async () => {
        const ticks = new BigInt64Array(await staging.map());
        return Array.from({ length: this.passes }, (_, i) => Number(ticks[2 * i + 1]! - ticks[2 * i]!) / 1e6);
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
