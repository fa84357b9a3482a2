import { attentionDx, EagerOps } from "../src/kernels/index.ts";
import { attentionGradientFlops, type Mask, masks, probabilities } from "./gates.ts";
import type { Bench, Case } from "./harness.ts";
import type { Input } from "./inputs.ts";

/** The way back through a prompt's attention, under each mask; the last column is what the mask costs or saves. */
export default async function attentionGradient(b: Bench): Promise<void> {
  await b.measure(() => backward(b));
}

/**
 * A causal T × T: half of the pairs. q, k, v, z and dz are read and dq, dk, dv written once. With a mask the gates'
 * gradients are wanted as well, as in learning, and a head that is off owes its own: it saves what is left of its time.
 */
export function backward(b: Bench): Case[] {
  const { tokens, heads, headDim } = b.sizes;
  const width = heads * headDim;
  const rows = (label: string) => b.input(label, [tokens, width]);
  const [q, k, v, dz] = [rows("q"), rows("k"), rows("v"), rows("dz")];
  const forward = b.own(new EagerOps(b.gpu, "forward"));
  const whole = { query: 0, queries: tokens, key: 0, keys: tokens, first: 0, gate: 0 };
  const tiles = forward.attentionTiles([whole]);
  const saved = (gates: Mask["gates"]) => {
    const lse = forward.tensor("lse", [tokens, heads]);
    const o = { heads, kvHeads: heads, headDim, causal: true, tiles, gates };
    const z = forward.attention(q.tensor, k.tensor, v.tensor, { ...o, lse });
    const want = { qkv: true, ...(gates && { gates: forward.zeros("dgates", gates.tensor.shape) }) };
    return { o, want, tensors: { q: q.tensor, k: k.tensor, v: v.tensor, z, lse } };
  };
  const cases = masks(b, 1).map((mask): Case => {
    const { o, want, tensors } = saved(mask.gates);
    return {
      shape: `T ${tokens} · H ${heads} · D ${headDim} · ${mask.name}`,
      flops: attentionGradientFlops((tokens * (tokens + 1)) / 2, b, mask),
      bytes: 4 * tokens * width * (7 * mask.share + 1),
      run: (ops) => attentionDx(ops, dz.tensor, tensors, o, want)!.dq,
      want(i) {
        const [t, c] = [Math.floor(i / width), i % width];
        const head = Math.floor(c / headDim);
        if (!mask.on(head)) return 0;
        const at = (row: number, d: number) => row * width + head * headDim + d;
        const dot = (x: Input, y: Input, key: number) => {
          let sum = 0;
          for (let d = 0; d < headDim; d++) sum += x.at(at(t, d)) * y.at(at(key, d));
          return sum;
        };
        const p = probabilities(t + 1, (key) => dot(q, k, key) / Math.sqrt(headDim));
        const dp = Array.from(p, (_, key) => dot(dz, v, key));
        const level = p.reduce((sum, share, key) => sum + share * dp[key]!, 0);
        const ds = p.map((share, key) => share * (dp[key]! - level));
        return ds.reduce((sum, d, key) => sum + d * k.at(at(key, c % headDim)), 0) / Math.sqrt(headDim);
      },
    };
  });
  forward.submit();
  return cases;
}
