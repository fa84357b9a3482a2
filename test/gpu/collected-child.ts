// Opens a device, works, disposes it, and looks whether it can be collected as garbage. Run with --expose-gc.
import { setTimeout } from "node:timers/promises";
import { openGpu } from "../../src/gpu/index.ts";

async function use(): Promise<WeakRef<GPUDevice>> {
  using gpu = await openGpu();
  await gpu.readF32(gpu.upload("x", [1], Float32Array.of(1)));
  return new WeakRef(gpu.device);
}

const device = await use();
for (let tries = 0; device.deref() && tries < 50; tries++) {
  await setTimeout(10);
  globalThis.gc?.();
}
console.log(device.deref() ? "still there" : "collected");
