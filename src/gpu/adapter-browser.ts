import { adviceFor } from "./advice.ts";

// Browsers older than `using` lack its symbol, which classes name their dispose methods by.
(Symbol as { dispose?: symbol }).dispose ??= Symbol.for("Symbol.dispose");

/** An adapter and the way to let go of what keeps it alive (nothing, in a browser). */
export interface AdapterHandle {
  readonly adapter: GPUAdapter;
  release(): void;
}

/** Asks the browser for its best adapter; `undefined` when there is none or the browser has no WebGPU. */
export async function requestAdapter(): Promise<AdapterHandle | undefined> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  return adapter ? { adapter, release() {} } : undefined;
}

/** What to do about a missing adapter, in words. */
export function noAdapter(): string {
  const gpu = navigator.gpu !== undefined;
  const advice = adviceFor(navigator.userAgent, { secure: isSecureContext, gpu });
  return `openGpu: expected a WebGPU adapter, got ${gpu ? "none" : "a browser without WebGPU"}; ${advice}`;
}
