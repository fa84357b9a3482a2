import { test } from "uvu";
import * as assert from "uvu/assert";
import { openGpu } from "../../src/gpu/index.ts";
import { gateGradient } from "../../src/mask/gate-gradient.ts";
import { randomDecoder } from "../model/random-decoder.ts";

const gpu = await openGpu();
test.after(() => gpu.dispose());

const T = 200; // tokens
const [C, F, H, K, D, V] = [96, 160, 6, 3, 16, 50];
const CONFIG = { width: C, ffn: F, heads: H, kvHeads: K, headDim: D, vocab: V };
const ROUNDED = 1.125; // buffers come in sizes an eighth of a power of two apart
const ALL = Number.MAX_SAFE_INTEGER;
const SMALL = 32_768; // what does not grow with T·C: gates, ids, tiles

/** Floats a token in one layer: what its forward makes … */
const QKV = (H + 2 * K) * D;
const FORWARD = 4 * C + 2 * QKV + H * D + H + 3 * F; // two norms, two sums, qkv, its parts, z and lse, the feed-forward
/** … and its way back: a gradient for each, sums where two meet, and attention's statistics. */
const BACKWARD = 6 * C + 2 * QKV + H * D + 5 * H + 3 * F;

/** The most bytes of tensors that one learning step over T tokens held beyond the weights. */
async function peak(layers: number, keepBytes: number): Promise<number> {
  using lm = randomDecoder(gpu, {
    ...CONFIG,
    layers,
    eps: 1e-6,
    ropeTheta: 1e4,
    maxPositions: T,
    tied: false,
  });
  gpu.trim();
  const before = gpu.pool.bytes;
  const ids = Array.from({ length: T }, (_, t) => (t * t) % V);
  const example = { name: "x", prompt: { ids: ids.slice(20), parts: [] }, answer: ids.slice(0, 20) };
  const drawn = {
    gates: new Float32Array(layers * H).fill(1),
    slope: new Float32Array(layers * H).fill(0.25),
  };
  const { dlogits } = await gateGradient(lm, [example], [drawn], 1 / 20, keepBytes);
  assert.ok(dlogits.every((d) => Number.isFinite(d) && d !== 0));
  const most = gpu.pool.bytes - before; // nothing is given back to the system before a trim
  gpu.trim();
  assert.is(gpu.pool.bytes, before);
  return most;
}

test("a layer more costs its result, and only one layer is computed again at a time", async () => {
  const state = 4 * T * C; // bytes of a layer's result
  const peaks = new Map<number, number>();
  for (const layers of [2, 4, 8]) peaks.set(layers, await peak(layers, 0));
  const [grown, most] = [peaks.get(8)! - peaks.get(4)!, 4 * ROUNDED * state];
  assert.ok(grown <= most, `4 to 8 layers: ${grown} bytes more, at most ${most}`);
  for (const [layers, got] of peaks) {
    // the embeddings, each layer's result, the final gradient and one layer; L·T·C + FORWARD + BACKWARD in short
    const bound = ROUNDED * 4 * T * ((layers + 2) * C + FORWARD + BACKWARD) + SMALL;
    assert.ok(got <= bound, `${layers} layers: ${got} bytes, at most ${bound}`);
  }
});

test("keeping all costs each layer's forward", async () => {
  const [three, five] = [await peak(3, ALL), await peak(5, ALL)];
  const forward = 4 * T * FORWARD;
  const grown = (five - three) / 2;
  assert.ok(grown > 0.8 * forward, `${grown} bytes a layer, of ${forward}: is anything kept?`);
  assert.ok(grown <= ROUNDED * forward + SMALL / 4, `${grown} bytes a layer, of ${forward}`);
});

test.run();
