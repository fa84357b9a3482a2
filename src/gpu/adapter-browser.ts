import { adviceFor } from "./advice.ts";

// Browsers older than `using` lack its symbol, which classes name their dispose methods by.
(Symbol as { dispose?: symbol }).dispose ??= Symbol.for("Symbol.dispose");

/** Asks the browser for its best adapter; `undefined` when there is none or the browser has no WebGPU. */
export async function requestAdapter(): Promise<GPUAdapter | undefined> {
  return (await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" })) ?? undefined;
}

/** What to do about a missing adapter, in words. */
export function noAdapter(): string {
  const gpu = navigator.gpu !== undefined;
  const advice = adviceFor(navigator.userAgent, { secure: isSecureContext, gpu });
  return `openGpu: expected a WebGPU adapter, got ${gpu ? "none" : "a browser without WebGPU"}; ${advice}`;
}
