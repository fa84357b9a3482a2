/** Gradients through the tape, for comparison with those of the f64 references. */
import * as assert from "uvu/assert";
import { TapedOps, type TapeOptions } from "../../src/autograd/index.ts";
import type { Gpu, Tensor } from "../../src/gpu/index.ts";
import { dot, type Nd, nd } from "../reference/array.ts";
import { dtypeOf, fill, normals, type Specs, store } from "../reference/check.ts";
import { expectClose } from "../reference/compare.ts";

export type Forward<K extends string> = (ops: TapedOps, t: Record<K, Tensor>) => Tensor;

/** What the result's gradient is: normal numbers. */
const gradientOf = (shape: readonly number[]): Nd =>
  nd(
    shape,
    Float32Array.from(
      normals(
        shape.reduce((n, d) => n * d, 1),
        99,
      ),
    ),
  );

/** The forward's result y, and the gradient of Σ y·dy with respect to each input of `wrt`. */
export async function gradients<K extends string>(
  gpu: Gpu,
  inputs: Specs<K>,
  run: Forward<K>,
  wrt: readonly NoInfer<K>[],
  options?: TapeOptions,
): Promise<{ y: Nd; d: Map<K, Nd>; dispatches: number }> {
  using ops = new TapedOps(gpu, "check", options);
  const values = fill(inputs);
  const tensors = Object.fromEntries(
    (Object.keys(inputs) as K[]).map((name) => [name, store(ops, name, values[name], dtypeOf(inputs[name]))]),
  ) as Record<K, Tensor>;
  for (const name of wrt) ops.learn(tensors[name]);
  const y = run(ops, tensors);
  ops.backward(y, ops.upload("dy", y.shape, Float32Array.from(gradientOf(y.shape).data)));
  const found = wrt.map((name) => [name, ops.gradient(tensors[name])] as const);
  ops.submit();
  const read = async (t: Tensor) => nd(t.shape, await gpu.readF32(t));
  const d = new Map<K, Nd>();
  for (const [name, t] of found) d.set(name, await read(t));
  return { y: await read(y), d, dispatches: ops.dispatches };
}

/**
 * Fails unless, on each device, the tape's forward is the reference, and its gradients are the reference's slopes by
 * central differences, each within `rtol` of its largest.
 */
export async function checkVjp<K extends string>(
  gpus: readonly Gpu[],
  inputs: Specs<K>,
  run: Forward<K>,
  reference: (a: Record<K, Nd>) => Nd,
  wrt: readonly NoInfer<K>[],
  rtol = 1e-5,
): Promise<void> {
  const at = fill(inputs);
  const want = reference(at);
  const dy = gradientOf(want.shape);
  const slopes = wrt.map(
    (name) => [name, slopesOf(() => dot(dy.data, reference(at).data), at[name])] as const,
  );
  for (const gpu of gpus) {
    const { y, d } = await gradients(gpu, inputs, run, wrt);
    expectClose("y", nd(want.shape, y.data), want, rtol * size(want));
    for (const [name, slope] of slopes) {
      assert.ok(size(slope) > 0.1, `d ${name}: slopes worth comparing`);
      expectClose(`d ${name}`, d.get(name)!, slope, rtol * size(slope));
    }
  }
}

const size = (a: Nd): number => a.data.reduce((most, v) => Math.max(most, Math.abs(v)), 1);

/** ∂f/∂x by central differences; f reads x, whose values are there again afterwards. */
function slopesOf(f: () => number, x: Nd): Nd {
  const STEP = 1e-5;
  return nd(
    x.shape,
    x.data.map((value, i) => {
      const [up, down] = [value + STEP, value - STEP].map((moved) => {
        x.data[i] = moved;
        return f();
      });
      x.data[i] = value;
      return (up! - down!) / (2 * STEP);
    }),
  );
}
