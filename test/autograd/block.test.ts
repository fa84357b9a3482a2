import { test } from "uvu";
import * as assert from "uvu/assert";
import { TapedOps } from "../../src/autograd/index.ts";
import type { Gpu, Tensor } from "../../src/gpu/index.ts";
import { openGpus, weight } from "../reference/check.ts";
import { expectClose } from "../reference/compare.ts";
import { type Forward, gradients } from "./tape.ts";

const gpus = await openGpus(test);
const [gpu] = gpus;

const INPUTS = { x: [9, 8], w: weight(16, 8), v: weight(8, 8), n: [8], gain: [9, 8] } as const;
type Names = keyof typeof INPUTS;
type Tensors = Record<Names, Tensor>;
const WRT = ["x", "gain"] as const;
const ALL = Number.MAX_SAFE_INTEGER;

/** x + (rmsNorm(x)·Wᵀ, SwiGLU, + gain)·Vᵀ: `gain` is used by every layer. */
const body = (ops: TapedOps, x: Tensor, { w, v, n, gain }: Tensors): Tensor => {
  const h = ops.swiglu(ops.matmul(ops.rmsNorm(x, n, 1e-5), w));
  return ops.matmul(ops.add(h, gain), v, { residual: x });
};

/** Three layers, each within what `wrap` puts around it. */
const stack =
  (wrap: (ops: TapedOps, f: () => Tensor, x: Tensor, l: number) => Tensor): Forward<Names> =>
  (ops, t) => {
    let h = t.x;
    for (let l = 0; l < 3; l++) {
      const before = h;
      h = wrap(ops, () => body(ops, before, t), before, l);
    }
    return h;
  };

const plain = stack((_, f) => f());
const blocks = stack((ops, f, x, l) => ops.block(f, l > 0 ? x : undefined));
const nested = stack((ops, f) => ops.block(() => ops.block(() => ops.block(f))));
const around: Forward<Names> = (ops, t) => ops.block(() => blocks(ops, t));

async function expectSame(what: string, run: Forward<Names>, keepBytes: number): Promise<void> {
  for (const device of gpus) {
    const want = await gradients(device, INPUTS, plain, WRT);
    const got = await gradients(device, INPUTS, run, WRT, { keepBytes });
    expectClose(`${what} y`, got.y, want.y, 0);
    for (const name of WRT) expectClose(`${what} d ${name}`, got.d.get(name)!, want.d.get(name)!, 0);
  }
}

const FORMS = { blocks, "blocks in blocks": nested, "a block around blocks": around };
for (const [what, run] of Object.entries(FORMS))
  for (const keepBytes of [0, 3000, 5000, ALL])
    test(`${what}: the same bits as without, keeping ${keepBytes === ALL ? "all" : keepBytes}`, () =>
      expectSame(what, run, keepBytes));

test("what is not kept is computed again, what is kept is not", async () => {
  const count = async (run: Forward<Names>, keepBytes: number) =>
    (await gradients(gpu, INPUTS, run, WRT, { keepBytes })).dispatches;
  const [without, none, all] = [await count(plain, 0), await count(blocks, 0), await count(blocks, ALL)];
  assert.is(all, without);
  assert.is(none, without + 3 * 5, "a forward more");
  const some = await count(blocks, 5000);
  assert.ok(all < some && some < none, `${some} dispatches`);
});

test("a block that returns a tensor from outside, and one that only copies", async () => {
  const run: Forward<Names> = (ops, t) => {
    const x = ops.block(() => {
      body(ops, t.x, t); // of no consequence
      return t.x;
    });
    const y = ops.block(() => body(ops, x, t));
    const spliced = ops.block(() => {
      ops.copyRows(t.gain, 0, y, 2, 3);
      return y;
    });
    return ops.add(spliced, spliced);
  };
  const flat: Forward<Names> = (ops, t) => {
    const y = body(ops, t.x, t);
    ops.copyRows(t.gain, 0, y, 2, 3);
    return ops.add(y, y);
  };
  const want = await gradients(gpu, INPUTS, flat, WRT);
  for (const keepBytes of [0, ALL]) {
    const got = await gradients(gpu, INPUTS, run, WRT, { keepBytes });
    for (const name of WRT) expectClose(name, got.d.get(name)!, want.d.get(name)!, 0);
  }
});

test("blocks without anything learned keep nothing", () => {
  using ops = new TapedOps(gpu, "frozen", { keepBytes: ALL });
  const t = tensors(ops);
  const made: Tensor[] = [];
  const y = ops.block(() => {
    made.push(ops.gelu(t.x));
    return ops.gelu(made[0]!);
  });
  assert.ok(made[0]!.disposed);
  const z = ops.block(() => ops.gelu(y), y);
  assert.ok(y.disposed, "spent");
  assert.not(z.disposed);
});

test("all memory is free again: after a walk, without one, and when a forward fails", () => {
  for (const keepBytes of [0, 3000, ALL])
    for (const run of Object.values(FORMS)) {
      expectFree(gpu, keepBytes, (ops, t) => {
        ops.learn(t.x);
        ops.backward(run(ops, t), t.gain);
      });
      expectFree(gpu, keepBytes, (ops, t) => {
        ops.learn(t.x);
        run(ops, t);
      });
      expectFree(gpu, keepBytes, (ops, t) => {
        ops.learn(t.x);
        assert.throws(
          () =>
            ops.block(() => {
              run(ops, t);
              throw new Error("no");
            }),
          /^no$/,
        );
        ops.backward(ops.gelu(t.x), t.gain); // goes on as if the block had not been
      });
    }
});

function tensors(ops: TapedOps): Tensors {
  const shapes = { x: [9, 8], w: [16, 8], v: [8, 8], n: [8], gain: [9, 8] };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, s]) => [name, ops.tensor(name, s)]),
  ) as Tensors;
}

function expectFree(device: Gpu, keepBytes: number, run: (ops: TapedOps, t: Tensors) => void): void {
  device.trim();
  const before = device.bytes;
  const ops = new TapedOps(device, "free", { keepBytes });
  run(ops, tensors(ops));
  assert.ok(device.bytes > before);
  ops.dispose();
  device.trim();
  assert.is(device.bytes, before);
}

test.run();
