import type { AudioLanguageModel, Gpu, LoadModelOptions } from "../index.ts";
import { ensureAdapter } from "./adapter.ts";
import { interruptible } from "./interrupt.ts";
import { megabytes, Progress, Waiting } from "./terminal.ts";

/** The library on this machine's GPU, for as long as a command needs it. */
export interface Engine {
  readonly ahamask: typeof import("../index.ts");
  readonly gpu: Gpu;
  /** The adapter's name, for people. */
  readonly adapter: string;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

/**
 * Runs `use` on the best adapter there is, and lets Ctrl-C interrupt it. The library is imported only when there is an
 * adapter, since Dawn's binary does not even load on some systems.
 *
 * @param finishes what `use` still does after Ctrl-C, for as long as it takes; nothing, if undefined
 * @throws NoAdapterError with a remedy, Interrupted, and whatever `use` throws
 */
export async function withEngine<T>(
  use: (engine: Engine) => Promise<T>,
  finishes?: () => string | undefined,
): Promise<T> {
  await ensureAdapter();
  const ahamask = await import("../index.ts");
  using gpu = await ahamask.openGpu();
  return await interruptible(
    (signal) => use({ ahamask, gpu, adapter: adapterName(gpu.info), signal }),
    finishes,
  );
}

const adapterName = ({ description, device, isFallbackAdapter }: GPUAdapterInfo): string =>
  isFallbackAdapter ? `${description} (software)` : [device, description].filter(Boolean).join(", ");

/** `loadModel` with a bar. */
export async function loadWithProgress(
  { ahamask, gpu, signal }: Engine,
  from: string,
  lora: LoadModelOptions["lora"] = "beside",
): Promise<AudioLanguageModel> {
  using bar = new Progress("Loading", megabytes);
  using waiting = new Waiting("Looking at the model");
  const onProgress = (done: number, all: number) => {
    waiting.stop();
    bar.update(done, all);
  };
  return await ahamask.loadModel(gpu, from, { lora, signal, onProgress });
}
