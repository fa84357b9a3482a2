/**
 * Vector-Jacobian products of the ops in ops.ts as their formulas, in f64: from dy, the gradient of a loss with respect
 * to an op's result, the gradient with respect to its input. vjp.test.ts compares them with central differences.
 */
import { dot, mapRows, type Nd, nd, row, rows, sum, width } from "./array.ts";
import { erf, type Heads, rotate } from "./ops.ts";

/** With g = dy·weight and s = 1/√(mean(x²) + eps): dx = s·(g − x·s²·mean(g·x)) */
export const rmsNormVjp = (dy: Nd, x: Nd, weight: Nd, eps: number): Nd =>
  mapRows(x, (r, t) => {
    const g = row(dy, t).map((v, c) => v * weight.data[c]!);
    const scale = 1 / Math.sqrt(dot(r, r) / r.length + eps);
    const along = (scale ** 2 * dot(g, r)) / r.length;
    return r.map((v, c) => scale * (g[c]! - v * along));
  });

/** With g = dy·weight, s = 1/√(var(x) + eps), n = (x − mean)·s: dx = s·(g − mean(g) − n·mean(g·n)) */
export const layerNormVjp = (dy: Nd, x: Nd, weight: Nd, eps: number): Nd =>
  mapRows(x, (r, t) => {
    const g = row(dy, t).map((v, c) => v * weight.data[c]!);
    const mean = sum(r) / r.length;
    const centred = r.map((v) => v - mean);
    const scale = 1 / Math.sqrt(dot(centred, centred) / r.length + eps);
    const normal = centred.map((v) => v * scale);
    const [level, along] = [sum(g) / r.length, dot(g, normal) / r.length];
    return normal.map((v, c) => scale * (g[c]! - level - v * along));
  });

/** With s = 1/(1 + e^−gate): dgate = dy·up·s·(1 + gate·(1 − s)), dup = dy·gate·s; x and the result [T, 2·F] */
export const swigluVjp = (dy: Nd, x: Nd): Nd =>
  mapRows(x, (r, t) => {
    const half = r.length / 2;
    return r.map((v, c) => {
      const gate = c < half ? v : r[c - half]!;
      const sigmoid = 1 / (1 + Math.exp(-gate));
      const slope = c < half ? r[c + half]! * sigmoid * (1 + gate * (1 - sigmoid)) : gate * sigmoid;
      return row(dy, t)[c % half]! * slope;
    });
  });

/** dx = dy·(Φ(x) + x·φ(x)), with φ the density of the normal distribution and Φ its integral */
export const geluVjp = (dy: Nd, x: Nd): Nd =>
  mapRows(x, (r, t) =>
    r.map((v, c) => {
      const integral = 0.5 * (1 + erf(v / Math.SQRT2));
      const density = Math.exp(-v * v * 0.5) / Math.sqrt(2 * Math.PI);
      return row(dy, t)[c]! * (integral + v * density);
    }),
  );

/** dx = dy·W, dy [M, N], w [N, K] → [M, K] */
export const matmulVjp = (dy: Nd, w: Nd): Nd =>
  mapRows(dy, (r) => Array.from({ length: width(w) }, (_, k) => sum(r.map((v, n) => v * row(w, n)[k]!))));

/**
 * The gradient of qkv [T, (H + 2·K)·D] from dq [T, H·D] and, in rows at[t], dk and dv [R, K·D]: a rotation is undone by
 * the one to the negative position, and so is transposed.
 */
export function ropeVjp(
  { dq, dk, dv }: Readonly<Record<"dq" | "dk" | "dv", Nd>>,
  positions: Nd,
  at: Nd,
  { headDim, theta }: Pick<Heads, "headDim"> & { theta: number },
): Nd {
  const back = mapRows(positions, (p) => p.map((position) => -position));
  const undo = (x: Nd) => rotate(x, headDim, back, theta);
  const gather = (x: Nd) => mapRows(nd([at.data.length, 1], at.data), ([r]) => row(x, r!));
  const [q, k, v] = [undo(dq), undo(gather(dk)), gather(dv)];
  return mapRows(q, (r, t) => [...r, ...row(k, t), ...row(v, t)]);
}

/** The gradient of Σ_t weights[t]·crossEntropy(x, w, targets)[t]: dx_t = weights[t]·(softmax(x_t·Wᵀ)·W − W[targets[t]]) */
export const crossEntropyVjp = (x: Nd, w: Nd, targets: Nd, weights: Nd): Nd =>
  mapRows(x, (r, t) => {
    const logits = Array.from({ length: rows(w) }, (_, n) => dot(r, row(w, n)));
    const most = Math.max(...logits);
    const total = sum(logits.map((v) => Math.exp(v - most)));
    const dlogits = logits.map((v, n) => Math.exp(v - most) / total - (n === targets.data[t] ? 1 : 0));
    return r.map((_, c) => weights.data[t]! * sum(dlogits.map((d, n) => d * row(w, n)[c]!)));
  });
