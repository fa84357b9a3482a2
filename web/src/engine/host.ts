import {
  type AudioLanguageModel,
  ClipCache,
  DeviceLostError,
  type Folder,
  type Gpu,
  type GpuError,
  type LoadModelOptions,
  loadModel,
  openGpu,
} from "../../../src/index.ts";
import type { EngineEvent } from "./engine.ts";
import { Queue } from "./queue.ts";

/** A model on the GPU, and the embeddings of the clips that it was asked about. */
export interface Loaded {
  readonly model: AudioLanguageModel;
  readonly clips: ClipCache;
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Called before the work is done again, since the device was lost. */
  readonly again?: () => void;
}

const TRIES = 3; // of a job whose device is lost
const PAUSES = [0, 500, 1500, 4000]; // ms before each try to open a new device: a GPU process takes time to restart

/**
 * The GPU and the model on it, for one job at a time. A device that is lost is replaced, the model loaded again from
 * where it came from, and the job done again.
 */
export class Host {
  readonly #queue = new Queue();
  #gpu: Gpu | undefined;
  #loaded: Loaded | undefined;
  #source: Folder | undefined; // of the model that is to be there
  #lostAt: number | undefined; // since when the GPU or the model is missing, ms

  constructor(private readonly emit: (event: EngineEvent) => void) {}

  /** Of GPU memory. */
  get bytes(): number {
    return this.#gpu?.bytes ?? 0;
  }

  /** The model, once it is there if it is on its way. @throws Error when there is none */
  async model(): Promise<AudioLanguageModel> {
    if (this.#loaded || !this.#source) return this.#there().model;
    return await this.run(async ({ model }) => model);
  }

  /** @throws NoAdapterError */
  start(): Promise<Gpu> {
    return this.#queue.run(() => this.#open());
  }

  /** Loads a model in place of the one before it, whose memory it needs; that one comes back when this one cannot. */
  load(source: Folder, options: LoadModelOptions): Promise<AudioLanguageModel> {
    return this.#queue.run(async () => {
      const before = this.#source;
      this.#loaded?.model.dispose();
      this.#loaded = undefined;
      this.#source = source;
      try {
        return await this.#steadily(async ({ model }) => model, options, options);
      } catch (error) {
        this.#source = before; // whoever asks next loads it again
        throw error;
      }
    });
  }

  /** Does the work when its turn has come. */
  run<T>(work: (loaded: Loaded) => Promise<T>, options: RunOptions = {}): Promise<T> {
    return this.#queue.run(() => this.#steadily(work, options));
  }

  async #steadily<T>(
    work: (loaded: Loaded) => Promise<T>,
    { signal, again }: RunOptions,
    options: LoadModelOptions = {},
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      signal?.throwIfAborted();
      try {
        return await work(await this.#ready(options));
      } catch (error) {
        if (this.#failure() instanceof DeviceLostError && tries < TRIES) {
          again?.();
          continue;
        }
        if (this.#lostAt !== undefined && !signal?.aborted)
          this.emit({ kind: "unrecovered", message: error instanceof Error ? error.message : String(error) });
        throw error;
      }
    }
  }

  /** What made the device useless, if it is. */
  #failure(): GpuError | undefined {
    try {
      this.#gpu?.assertAlive();
      return undefined;
    } catch (error) {
      return error as GpuError;
    }
  }

  /** The model on a GPU that works: as they are, or both anew. */
  async #ready(options: LoadModelOptions): Promise<Loaded> {
    const failure = this.#failure();
    if (failure) {
      if (this.#lostAt === undefined)
        this.emit({
          kind: "lost",
          device: failure instanceof DeviceLostError,
          message: failure.message,
        });
      this.#lostAt ??= performance.now();
      this.#gpu?.dispose();
      this.#loaded = undefined;
      this.#gpu = this.#watched(await reopen());
    }
    if (!this.#loaded && this.#source) {
      const model = await loadModel(await this.#open(), this.#source, options);
      this.#loaded = { model, clips: new ClipCache(model, undefined) };
    }
    if (this.#lostAt !== undefined) {
      this.emit({ kind: "recovered", seconds: (performance.now() - this.#lostAt) / 1000 });
      this.#lostAt = undefined;
    }
    return this.#there();
  }

  #there(): Loaded {
    if (this.#loaded) return this.#loaded;
    throw new Error("engine: expected a model, got none; load one first");
  }

  async #open(): Promise<Gpu> {
    this.#gpu ??= this.#watched(await openGpu());
    return this.#gpu;
  }

  /** A device that is lost while nobody uses it is replaced at once. */
  #watched(gpu: Gpu): Gpu {
    void gpu.device.lost.then(() => {
      if (this.#gpu === gpu) this.run(async () => {}).catch(() => {}); // it has been said
    });
    return gpu;
  }
}

/** A new device: the browser may need a moment. @param pauses ms before each try */
async function reopen([pause, ...later] = PAUSES): Promise<Gpu> {
  await new Promise((resolve) => setTimeout(resolve, pause));
  try {
    return await openGpu();
  } catch (error) {
    if (later.length === 0) throw error;
    return await reopen(later);
  }
}
