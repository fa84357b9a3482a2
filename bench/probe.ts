import { readFileSync } from "node:fs";
import { defineKernel, type Gpu, type Scalar } from "../src/gpu/index.ts";
import { EagerOps } from "../src/kernels/index.ts";
import { fold } from "../src/kernels/rows.ts";
import { milliseconds, type Run, timeInTurns } from "./timing.ts";

/** The most that a shader gets out of this device, measured: what the benches' shares are shares of. */
export interface Peaks {
  readonly flops: Readonly<Partial<Record<Scalar, number>>>; // a second; f16 where the device computes in it
  readonly bytes: number; // a second, read and written together
}

const kernel = (name: string) =>
  defineKernel(name, readFileSync(new URL(`../shaders/${name}.wgsl`, import.meta.url), "utf8"));
const flopsKernel = kernel("probe-flops");
const bandwidthKernel = kernel("probe-bandwidth");
const WG = 256;
const STEPS = 512;
const FLOPS = STEPS * 8 * 4 * 2; // of a thread

/** Measures the device: multiply-adds in registers, and a copy far larger than any cache. */
export async function probe(gpu: Gpu): Promise<Peaks> {
  const flops: Partial<Record<Scalar, number>> = { f32: await peakFlops(gpu, "f32") };
  if (gpu.features.has("shader-f16")) flops.f16 = await peakFlops(gpu, "f16");
  return { flops, bytes: await peakBytes(gpu) };
}

async function peakFlops(gpu: Gpu, scalar: Scalar): Promise<number> {
  const threads = gpu.software ? 2 ** 13 : 2 ** 20;
  const run: Run = {
    scalar,
    run(ops) {
      const y = ops.tensor("y", [threads]);
      ops.recorder.dispatch(flopsKernel, {
        bind: { y },
        params: { threads, steps: STEPS, factor: 0.5, addend: 0.25 }, // each ends at 0.25 / (1 − 0.5)
        overrides: { WG },
        scalar,
        grid: fold(threads / WG),
      });
      return y;
    },
  };
  await expectEverywhere(gpu, "probe-flops", run, 8 * 4 * 0.5);
  return (threads * FLOPS) / (milliseconds(await timeInTurns(gpu, [run], 0.3), 0) / 1000);
}

async function peakBytes(gpu: Gpu): Promise<number> {
  const bytes = Math.min(gpu.software ? 2 ** 26 : 2 ** 29, gpu.limits.bindingBytes);
  const n = Math.floor(bytes / 16);
  using x = gpu.upload("x", [n, 4], new Float32Array(n * 4).fill(0.5));
  const run: Run = {
    run(ops) {
      const y = ops.tensor("y", [n, 4]);
      ops.recorder.dispatch(bandwidthKernel, {
        bind: { x, y },
        params: { n },
        overrides: { WG },
        grid: [gpu.software ? 16 : 16_384],
      });
      return y;
    },
  };
  await expectEverywhere(gpu, "probe-bandwidth", run, 0.5);
  return (2 * n * 16) / (milliseconds(await timeInTurns(gpu, [run], 0.3), 0) / 1000);
}

async function expectEverywhere(gpu: Gpu, name: string, { run, scalar }: Run, want: number): Promise<void> {
  using ops = new EagerOps(gpu, name, scalar);
  const got = new Float32Array(await ops.submit(run(ops)));
  const at = got.findIndex((value) => value !== want);
  if (at >= 0) throw new Error(`internal: ${name}: expected ${want} everywhere, got ${got[at]} at ${at}`);
}
