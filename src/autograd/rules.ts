import type { Tensor } from "../gpu/index.ts";
import {
  type Attention,
  attentionDx,
  crossEntropyDx,
  embedDx,
  geluDx,
  layerNormDx,
  matmulDx,
  type Rope,
  rmsNormDx,
  ropeDx,
  swigluDx,
} from "../kernels/index.ts";
import type { Gradients } from "./gradients.ts";

/**
 * The backward pass of each op: from the gradient dy of its result to those of its inputs, quoted forward first. Weights
 * are frozen and get none.
 */
export const RULES = {
  // y = x · Wᵀ + bias + residual
  matmul(g: Gradients, dy: Tensor, x: Tensor, w: Tensor, residual: Tensor | undefined) {
    g.fold(x, (before) => matmulDx(g.ops, dy, w, before));
    g.add(residual, () => dy);
  },
  // y = x / √(mean(x²) + eps) · weight
  rmsNorm(g: Gradients, dy: Tensor, x: Tensor, weight: Tensor, eps: number) {
    g.add(x, () => rmsNormDx(g.ops, dy, x, weight, eps));
  },
  // y = (x − mean) / √(var + eps) · weight + bias
  layerNorm(g: Gradients, dy: Tensor, x: Tensor, weight: Tensor, eps: number) {
    g.add(x, () => layerNormDx(g.ops, dy, x, weight, eps));
  },
  // y = silu(gate) · up
  swiglu(g: Gradients, dy: Tensor, x: Tensor) {
    g.add(x, () => swigluDx(g.ops, dy, x));
  },
  // y = x·Φ(x)
  gelu(g: Gradients, dy: Tensor, x: Tensor) {
    g.add(x, () => geluDx(g.ops, dy, x));
  },
  // y = a + b
  add(g: Gradients, dy: Tensor, a: Tensor, b: Tensor) {
    g.add(a, () => dy);
    g.add(b, () => dy);
  },
  // y[t] = table[ids[t]]
  embed(g: Gradients, dy: Tensor, table: Tensor, ids: Tensor) {
    if (g.wants(table)) embedDx(g.ops, dy, ids, g.inPlace(table));
  },
  // loss = log Σ exp(x·Wᵀ) − x·W[target]
  crossEntropy(g: Gradients, dloss: Tensor, x: Tensor, w: Tensor, targets: Tensor, state: Tensor) {
    g.add(x, () => crossEntropyDx(g.ops, dloss, x, w, targets, state));
  },
  // q, k, v = split(qkv), q and k rotated; k and v went to their rows
  rope(g: Gradients, qkv: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Rope) {
    const [dq, dk, dv] = [g.take(q), g.take(k), g.take(v)];
    if (dq ?? dk ?? dv) g.add(qkv, () => ropeDx(g.ops, dq, dk, dv, o));
  },
  // z = gate · softmax(q·kᵀ/√D)·v
  attention(
    g: Gradients,
    dz: Tensor,
    saved: { q: Tensor; k: Tensor; v: Tensor; z: Tensor; lse: Tensor },
    o: Attention,
  ) {
    const gates = o.gates?.tensor;
    const want = {
      qkv: [saved.q, saved.k, saved.v].some((t) => g.wants(t)),
      ...(g.wants(gates) && { gates: g.inPlace(gates) }),
    };
    const d = attentionDx(g.ops, dz, saved, o, want);
    if (!d) return;
    g.add(saved.q, () => d.dq);
    g.add(saved.k, () => d.dk);
    g.add(saved.v, () => d.dv);
  },
  // y[to … to + rows − 1] = x[from … from + rows − 1]; the other rows of y stay what they were
  copyRows(g: Gradients, x: Tensor, from: number, y: Tensor, to: number, rows: number) {
    const dy = g.of(y);
    if (!dy) return;
    const bytes = 4 * y.width;
    g.add(x, () => {
      const dx = g.ops.zeros("dx", x.shape);
      g.ops.copyRows(dy, to, dx, from, rows);
      return dx;
    });
    g.take(y);
    g.fold(y, () => {
      const kept = g.ops.tensor("dy", y.shape);
      g.ops.copyRows(dy, 0, kept, 0, y.rows);
      g.ops.recorder.clear(kept, to * bytes, rows * bytes);
      return kept;
    });
  },
};
