// Opens a device, works, disposes it, opens another, is refused a third, and ends: nothing may keep Node alive.
import { openGpu } from "../../src/gpu/index.ts";

let devices = 0;
for (const values of [[1, 2], [3]]) {
  using gpu = await openGpu();
  devices++;
  const read = await gpu.readF32(gpu.upload("x", [values.length], Float32Array.from(values)));
  if (values.length === 1) console.log(`${devices} devices, ${read[0]}`);
}
await openGpu({ bindingBytes: 1 }).catch(() => {});
