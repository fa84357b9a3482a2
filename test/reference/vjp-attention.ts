/** The derivative of attention as its definition, in f64; the forward it belongs to is in ops.ts. */
import { dot, type Nd, nd, row, sum } from "./array.ts";
import type { Heads, Segment } from "./ops.ts";

export interface AttentionGradients {
  dq: Nd; // [T, H·D]
  dk: Nd; // [R, K·D]
  dv: Nd; // [R, K·D]
  dgates?: Nd; // [G, L, H], 0 in other layers; where the forward had gates
}

/** The gradients of Σ dz·attention(q, k, v): one query, head and key after the other; rows of no segment stay 0. */
export function attentionVjp(
  dz: Nd,
  q: Nd,
  k: Nd,
  v: Nd,
  segments: Segment[],
  o: Heads & { causal: boolean },
): AttentionGradients {
  const { heads, kvHeads, headDim, gates, layer = 0 } = o;
  const [dq, dk, dv] = [nd(q.shape), nd(k.shape), nd(v.shape)];
  const dgates = gates && nd(gates.shape);
  const scale = 1 / Math.sqrt(headDim);
  const headOf = (t: Nd, r: number, head: number) => row(t, r).subarray(head * headDim, (head + 1) * headDim);
  const add = (to: Float64Array, factor: number, x: Float64Array) => {
    for (let d = 0; d < headDim; d++) to[d]! += factor * x[d]!;
  };
  for (const s of segments)
    for (let i = 0; i < s.queries; i++)
      for (let head = 0; head < heads; head++) {
        const shared = Math.floor((head * kvHeads) / heads);
        const gateAt = (s.gate * (gates?.shape[1] ?? 0) + layer) * heads + head;
        const gate = gates ? gates.data[gateAt]! : 1;
        const visible = o.causal ? Math.min(s.keys, s.first + i + 1) : s.keys;
        const keys = Array.from({ length: visible }, (_, j) => s.key + j);
        const query = headOf(q, s.query + i, head);
        const dout = headOf(dz, s.query + i, head);
        const scores = keys.map((r) => scale * dot(query, headOf(k, r, shared)));
        const most = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - most));
        const total = sum(weights);
        const p = weights.map((w) => w / total);
        const dp = keys.map((r) => dot(dout, headOf(v, r, shared))); // before the gate
        const mean = sum(p.map((weight, j) => weight * dp[j]!)); // Σ dz·o
        if (dgates) dgates.data[gateAt]! += mean;
        for (const [j, r] of keys.entries()) {
          const ds = gate * p[j]! * (dp[j]! - mean);
          add(headOf(dq, s.query + i, head), scale * ds, headOf(k, r, shared));
          add(headOf(dk, r, shared), scale * ds, query);
          add(headOf(dv, r, shared), gate * p[j]!, dout);
        }
      }
  return { dq, dk, dv, ...(dgates && { dgates }) };
}
