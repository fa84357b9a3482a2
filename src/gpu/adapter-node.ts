import { napBetweenPolls } from "./polling.ts";

/** An adapter and the way to let go of what keeps it alive. */
export interface AdapterHandle {
  readonly adapter: GPUAdapter;
  release(): void;
}

/**
 * Asks Dawn for the best adapter of this machine; `undefined` when there is none.
 *
 * Dawn's instance must stay referenced while a device lives (dropping it crashes) and must be dropped afterwards
 * (Node does not exit while it lives): the handle holds it until `release()`.
 */
export async function requestAdapter(): Promise<AdapterHandle | undefined> {
  const { create } = await import("webgpu"); // only now: much of the engine is of use where Dawn's binary does not load
  let instance: GPU | undefined = create([
    "disable-dawn-features=timestamp_quantization", // to 65 µs: browsers do so for privacy
  ]);
  const adapter = await instance.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return undefined;
  if (adapter.info.isFallbackAdapter) napBetweenPolls();
  return {
    adapter,
    release() {
      instance = undefined;
    },
  };
}

/** What to do about a missing adapter, in words. */
export const noAdapter = (): string =>
  "openGpu: expected a WebGPU adapter, got none; run `npx ahamask doctor` to see what this machine lacks";
