import { napBetweenPolls } from "./polling.ts";

/**
 * Dawn, once for the process. Its binding polls through a pointer that does not keep it alive, also for a while after the
 * last device is gone: were Dawn collected in that moment, the process would crash or hang.
 */
let dawn: GPU | undefined;

/** Asks Dawn for the best adapter of this machine; `undefined` when there is none. */
export async function requestAdapter(): Promise<GPUAdapter | undefined> {
  const { create } = await import("webgpu"); // only now: much of the engine is of use where Dawn's binary does not load
  dawn ??= create([
    "disable-dawn-features=timestamp_quantization", // to 65 µs: browsers do so for privacy
  ]);
  const adapter = await dawn.requestAdapter({ powerPreference: "high-performance" });
  if (adapter?.info.isFallbackAdapter) napBetweenPolls();
  return adapter ?? undefined;
}

/** What to do about a missing adapter, in words. */
export const noAdapter = (): string =>
  "openGpu: expected a WebGPU adapter, got none; run `npx ahamask doctor` to see what this machine lacks";
