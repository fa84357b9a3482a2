const NAP = 0.25; // ms that news of the device may be late

let napping = false;

/**
 * Makes Dawn's polling cheap. Its binding asks for news by `setImmediate`, over and over, as long as anything is awaited,
 * and so takes a core; where the CPU plays the GPU, that is a core of the GPU's. Here each of its calls naps first. Others'
 * calls are as they were.
 */
export function napBetweenPolls(): void {
  if (napping) return;
  napping = true;
  const soon = globalThis.setImmediate;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const patient = (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    if (isNative(callback)) Atomics.wait(cell, 0, 0, NAP);
    return soon(callback, ...args);
  };
  globalThis.setImmediate = Object.assign(patient, soon);
}

/** A function of the binding's; a promise's `resolve`, native too, takes an argument. */
const isNative = (callback: (...args: never[]) => void) =>
  callback.length === 0 && /\[native code\]\s*\}$/.test(Function.prototype.toString.call(callback));
