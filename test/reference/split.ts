import { type Gpu, openGpu } from "../../src/gpu/index.ts";
import { runOp, type Specs } from "./check.ts";
import { expectClose } from "./compare.ts";

/** Bytes of a binding in these tests; tensors above it are bound by rows. */
const SMALL_BINDING = 65_536;

/** The device once more, as the same kind, with bindings of 64 KiB; the device stays its owner's. */
export async function withSmallBindings(gpu: Gpu): Promise<Gpu> {
  const small = await openGpu({ device: gpu.device, bindingBytes: SMALL_BINDING });
  Object.defineProperty(small, "software", { value: gpu.software });
  return small;
}

/** Fails unless an op on tensors larger than a binding gives what it gives on whole ones, to the bit. */
export async function expectSplit<K extends string>(
  gpus: readonly Gpu[],
  specs: Specs<K>,
  run: Parameters<typeof runOp<K, string>>[2],
): Promise<void> {
  for (const whole of gpus) {
    using small = await withSmallBindings(whole);
    const want = await runOp(whole, specs, run);
    const got = await runOp(small, specs, run);
    for (const [name, value] of Object.entries(want)) expectClose(`split ${name}`, got[name]!, value, 0);
  }
}
