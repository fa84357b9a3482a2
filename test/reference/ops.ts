/**
 * Every op of the engine as its definition, in f64 and without any thought of speed. Names of dimensions as in
 * docs/glossary.md; test/reference/ops.test.ts compares these with PyTorch once, the kernels are compared with these.
 */
import { dot, mapRows, type Nd, nd, row, rows, sum, width } from "./array.ts";

/** erf to 1e-15: its Taylor series near 0, the continued fraction of erfc beyond. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z < 3) {
    let term = z;
    let series = z;
    for (let n = 1; Math.abs(term) > 1e-18 * series; n++) {
      term *= (2 * z * z) / (2 * n + 1); // e^(−z²) Σ 2ⁿ z^(2n+1) / (2n+1)!!: all terms positive, nothing cancels
      series += term;
    }
    return (Math.sign(x) * 2 * Math.exp(-z * z) * series) / Math.sqrt(Math.PI);
  }
  let fraction = z;
  for (let n = 60; n > 0; n--) fraction = z + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-z * z) / (fraction * Math.sqrt(Math.PI)));
}

/** x·Φ(x), with Φ the normal distribution function: the exact GELU. */
export const gelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));

export interface Epilogue {
  bias?: Nd; // [N]
  gelu?: boolean;
  residual?: Nd; // [M, N]
}

/** y = gelu(x · Wᵀ + bias) + residual, x [M, K], w [N, K] → [M, N] */
export function matmul(x: Nd, w: Nd, e: Epilogue = {}): Nd {
  return mapRows(x, (xi, i) =>
    Array.from({ length: rows(w) }, (_, n) => {
      const v = dot(xi, row(w, n)) + (e.bias?.data[n] ?? 0);
      return (e.gelu ? gelu(v) : v) + (e.residual ? row(e.residual, i)[n]! : 0);
    }),
  );
}

export interface Conv1d {
  bias: Nd; // [O]
  taps: number;
  stride: number;
  gelu?: boolean;
}

/** y[t] = Σ over taps of W[:, tap] · x[t·stride + tap − (taps − 1)/2] + bias, x 0 outside; x [T, C], w [O, taps·C] */
export function conv1d(x: Nd, w: Nd, outputs: number, { bias, taps, stride, gelu }: Conv1d): Nd {
  const seen = Array.from({ length: outputs }, (_, t) =>
    Array.from({ length: taps }, (_, tap) => {
      const at = t * stride + tap - (taps - 1) / 2;
      return at >= 0 && at < rows(x) ? [...row(x, at)] : new Array<number>(width(x)).fill(0);
    }).flat(),
  );
  return matmul(nd([outputs, taps * width(x)], seen.flat()), w, { bias, gelu });
}

export interface PosConv {
  bias: Nd; // [C]
  taps: number;
  groups: number;
}

/** y[t, o] = gelu(Σ over taps and channels of o's group of w[o, tap] · x[t + tap − ⌊taps/2⌋] + bias[o]), x 0 outside */
export function posConv(x: Nd, w: Nd, { bias, taps, groups }: PosConv): Nd {
  const group = width(x) / groups;
  return mapRows(x, (_, t) =>
    Array.from(bias.data, (b, o) => {
      const first = Math.floor(o / group) * group;
      let v = b;
      for (let tap = 0; tap < taps; tap++) {
        const at = t + tap - Math.floor(taps / 2);
        if (at >= 0 && at < rows(x))
          v += dot(
            row(w, o).subarray(tap * group, (tap + 1) * group),
            row(x, at).subarray(first, first + group),
          );
      }
      return gelu(v);
    }),
  );
}

/** y[t] = table[ids[t]], table [V, C] → [T, C] */
export const embed = (table: Nd, ids: Nd): Nd =>
  nd(
    [ids.data.length, width(table)],
    [...ids.data].flatMap((id) => [...row(table, id)]),
  );

/** y = x / √(mean(x²) + eps) · weight */
export const rmsNorm = (x: Nd, weight: Nd, eps: number): Nd =>
  mapRows(x, (r) => {
    const scale = 1 / Math.sqrt(dot(r, r) / r.length + eps);
    return r.map((v, c) => v * scale * weight.data[c]!);
  });

/** y = (u − mean) / √(var + eps) · weight + bias, of u = x + alpha · residual */
export const layerNorm = (
  x: Nd,
  weight: Nd,
  bias: Nd,
  eps: number,
  residual?: { x: Nd; alpha: number },
): Nd =>
  mapRows(x, (xi, i) => {
    const r = residual ? xi.map((v, c) => v + residual.alpha * row(residual.x, i)[c]!) : xi;
    const mean = sum(r) / r.length;
    const variance = sum(r.map((v) => (v - mean) ** 2)) / r.length;
    const scale = 1 / Math.sqrt(variance + eps);
    return r.map((v, c) => (v - mean) * scale * weight.data[c]! + bias.data[c]!);
  });

/** Rotates each head of width D by its row's position, x [T, heads·D]: (a, b) = (v[i], v[i + D/2]) → turned by the angle. */
export function rotate(x: Nd, headDim: number, positions: Nd, theta: number): Nd {
  const half = headDim / 2;
  return mapRows(x, (r, t) =>
    r.map((v, c) => {
      const i = c % half;
      const angle = positions.data[t]! * theta ** ((-2 * i) / headDim);
      const partner = c % headDim < half ? -r[c + half]! : r[c - half]!;
      return v * Math.cos(angle) + partner * Math.sin(angle);
    }),
  );
}

/** Columns from … to − 1 of each row. */
export const columns = (x: Nd, from: number, to: number): Nd => mapRows(x, (r) => r.subarray(from, to));

/** `into` with row `at[i]` replaced by row i of x. */
export function scatterRows(into: Nd, x: Nd, at: Nd): Nd {
  const to = nd(into.shape, into.data);
  at.data.forEach((r, i) => {
    row(to, r).set(row(x, i));
  });
  return to;
}

/** softmax(q·kᵀ/√D)·v for one query [D] over the keys [S][D] that it sees */
export function attend(
  q: Float64Array,
  k: Float64Array[],
  v: Float64Array[],
  bias: (key: number) => number = () => 0,
): Float64Array {
  const scores = k.map((key, s) => dot(q, key) / Math.sqrt(q.length) + bias(s));
  const most = Math.max(...scores);
  const weights = scores.map((s) => Math.exp(s - most));
  const total = sum(weights);
  return q.map((_, d) => weights.reduce((z, w, s) => z + (w / total) * v[s]![d]!, 0));
}

export interface Heads {
  heads: number; // H
  kvHeads: number; // K
  headDim: number; // D
  gates?: Nd; // [G, L, H]
  layer?: number;
}

/** Which rows belong together; as the engine's `Segment`. */
export interface Segment {
  query: number;
  queries: number;
  key: number;
  keys: number;
  first: number;
  gate: number;
}

const headOf = (r: Float64Array, head: number, d: number) => r.subarray(head * d, (head + 1) * d);

/** The gate of a head in mask g; 1 without masks. */
function gateOf({ gates, layer = 0, heads }: Heads, g: number, head: number): number {
  return gates ? gates.data[(g * gates.shape[1]! + layer) * heads + head]! : 1;
}

/** gate · attend(…) for each head of one row of queries, over the given rows of k and v */
function attendHeads(
  q: Float64Array,
  k: Nd,
  v: Nd,
  keys: number[],
  o: Heads,
  gate: number,
  bias?: (head: number, key: number) => number,
): number[] {
  return Array.from({ length: o.heads }, (_, head) => {
    const shared = Math.floor((head * o.kvHeads) / o.heads);
    const of = (t: Nd) => keys.map((r) => headOf(row(t, r), shared, o.headDim));
    const z = attend(headOf(q, head, o.headDim), of(k), of(v), bias && ((key) => bias(head, key)));
    return Array.from(z, (value) => value * gateOf(o, gate, head));
  }).flat();
}

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));

export interface RelativeBias {
  heads: number; // H
  headDim: number; // D
  embed: Nd; // [B, H]
  buckets: Nd; // [2N − 1]
  weight: Nd; // [8, D]
  bias: Nd; // [8]
  scale: Nd; // [H]
}

/** table[h, n] = embed[buckets[n], h], then gate[t, h] = σ(a)·(σ(b)·scale[h] − 1) + 2; a, b = Σ of four of W·q + bias */
export function relativeBias(q: Nd, o: RelativeBias): Nd {
  const heads = Array.from({ length: o.heads }, (_, head) => head);
  const table = heads.flatMap((head) => [...o.buckets.data].map((bucket) => row(o.embed, bucket)[head]!));
  const gates = Array.from({ length: rows(q) }, (_, t) =>
    heads.map((head) => {
      const of = headOf(row(q, t), head, o.headDim);
      const eight = Array.from(o.bias.data, (b, n) => dot(row(o.weight, n), of) + b);
      const [a, b] = [sum(eight.slice(0, 4)), sum(eight.slice(4))];
      return sigmoid(a) * (sigmoid(b) * o.scale.data[head]! - 1) + 2;
    }),
  ).flat();
  return nd([table.length + gates.length], [...table, ...gates]);
}

/** z [T, H·D] of a packed batch; rows of q that no segment names stay 0. bias [H·(2N − 1) + T·H] is relativeBias' */
export function attention(
  q: Nd,
  k: Nd,
  v: Nd,
  segments: Segment[],
  o: Heads & { causal: boolean; bias?: Nd },
): Nd {
  const z = nd(q.shape);
  const distances = o.bias ? o.bias.data.length / o.heads - rows(q) : 0;
  for (const s of segments) {
    for (let i = 0; i < s.queries; i++) {
      const visible = o.causal ? Math.min(s.keys, s.first + i + 1) : s.keys;
      const keys = Array.from({ length: visible }, (_, j) => s.key + j);
      const bias = o.bias?.data;
      const added =
        bias &&
        ((head: number, key: number) =>
          bias[head * distances + (distances - 1) / 2 + key - (s.first + i)]! *
          bias[o.heads * (distances + s.query + i) + head]!);
      row(z, s.query + i).set(attendHeads(row(q, s.query + i), k, v, keys, o, s.gate, added));
    }
  }
  return z;
}

/** z [B, H·D]: query b over the cache rows table[b][0 … last[b]] */
export function attentionDecode(q: Nd, k: Nd, v: Nd, table: Nd, last: Nd, o: Heads): Nd {
  return mapRows(q, (qb, b) => {
    const keys = [...row(table, b).subarray(0, last.data[b]! + 1)];
    return attendHeads(qb, k, v, keys, o, b);
  });
}

/** silu(gate) · up, x [T, 2·F] holds F gates, then F ups → [T, F] */
export const swiglu = (x: Nd): Nd =>
  mapRows(x, (r) => {
    const half = r.length / 2;
    return r.subarray(0, half).map((gate, c) => (gate / (1 + Math.exp(-gate))) * r[half + c]!);
  });

/** logsumexp(x_t·Wᵀ) − x_t·W[targets[t]] of each row, x [T, C], w [V, C] → [T, 1] */
export const crossEntropy = (x: Nd, w: Nd, targets: Nd): Nd =>
  mapRows(matmul(x, w), (logits, t) => {
    const most = logits.reduce((a, b) => Math.max(a, b));
    return [most + Math.log(sum(logits.map((v) => Math.exp(v - most)))) - logits[targets.data[t]!]!];
  });

/** y[t] = (x[first[t]] + x[first[t] + 1]) / 2 */
export const avgPool = (x: Nd, first: Nd): Nd =>
  nd(
    [first.data.length, width(x)],
    [...first.data].flatMap((at) => [...row(x, at).map((v, c) => (v + row(x, at + 1)[c]!) / 2)]),
  );

/** Two streams side by side, zeros after the shorter one: a [Ta, A], b [Tb, B] → [max(Ta, Tb), A + B] */
export function concatChannels(a: Nd, b: Nd): Nd {
  const length = Math.max(rows(a), rows(b));
  const at = (x: Nd, t: number) => (t < rows(x) ? [...row(x, t)] : Array<number>(width(x)).fill(0));
  return nd(
    [length, width(a) + width(b)],
    Array.from({ length }, (_, t) => [...at(a, t), ...at(b, t)]).flat(),
  );
}

/** W + b · a, w [N, C], a [R, C], b [N, R] */
export const loraMerge = (w: Nd, a: Nd, b: Nd): Nd =>
  mapRows(w, (r, n) => r.map((v, c) => v + sum(row(b, n).map((s, k) => s * row(a, k)[c]!))));

/** Columns in falling order of value; of two equal values the smaller column first. */
const ranked = (r: Float64Array): number[] => [...r.keys()].sort((a, b) => r[b]! - r[a]! || a - b);

/** The column of each row's largest value, [rows, 1]. */
export const argmax = (x: Nd): Nd => mapRows(x, (r) => ranked(r).slice(0, 1));

export const LOWEST = Math.fround(-3.4028234e38);
const NONE = 0xffffffff;

/** The k largest values of each row, their columns, and log Σ exp of the row, [rows, 1]. */
export function topK(x: Nd, k: number): { values: Nd; ids: Nd; lse: Nd } {
  const take = (r: Float64Array) => {
    const order = ranked(r);
    return Array.from({ length: k }, (_, i) => order[i]);
  };
  return {
    values: mapRows(x, (r) => take(r).map((c) => (c === undefined ? LOWEST : r[c]!))),
    ids: mapRows(x, (r) => take(r).map((c) => c ?? NONE)),
    lse: mapRows(x, (r) => {
      const most = r.reduce((a, b) => Math.max(a, b));
      return [most + Math.log(sum(r.map((v) => Math.exp(v - most))))];
    }),
  };
}
