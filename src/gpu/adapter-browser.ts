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
export const NO_ADAPTER =
  "openGpu: expected a WebGPU adapter, got none; use a browser with WebGPU (a current Chrome, Edge or Safari) " +
  "and check its GPU page (chrome://gpu) for a blocked driver";
