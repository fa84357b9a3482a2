import type { Bench } from "./harness.ts";
import { PERIOD } from "./inputs.ts";

const ROWS = 160; // answers' tokens of a batch

/** A projection onto the vocabulary with its targets, and what the host knows of its logits. */
export function projection(b: Bench, dtype: "f32" | "f16" | "bf16") {
  const { vocab, width } = b.sizes;
  const x = b.input("x", [ROWS, width], "f32", 1 / 64); // so small that no logit alone makes the softmax
  const w = b.input("w", [vocab, width], dtype);
  const targets = Uint32Array.from({ length: ROWS }, (_, t) => (t * 7919) % vocab);
  return {
    x,
    w,
    targets,
    targetTensor: b.upload("targets", [ROWS], targets),
    rows: ROWS,
    shape: `T ${ROWS} · V ${vocab} · C ${width} · ${dtype}`,
    softmax: remembered((t) => softmax(logits(t), vocab)),
  };

  /** Row t's: W repeats itself, so that no more than a period of them differ. */
  function logits(t: number): (v: number) => number {
    const known = new Float64Array(PERIOD).fill(Number.NaN);
    return (v) => {
      const at = (v * width) % PERIOD;
      if (Number.isNaN(known[at])) {
        let sum = 0;
        for (let c = 0; c < width; c++) sum += x.at(t * width + c) * w.at(at + c);
        known[at] = sum;
      }
      return known[at]!;
    };
  }
}

/** log Σ exp of the logits, and each one's share of that sum. */
function softmax(logit: (v: number) => number, vocab: number) {
  let total = 0;
  for (let v = 0; v < vocab; v++) total += Math.exp(logit(v));
  return { logit, lse: Math.log(total), share: (v: number) => Math.exp(logit(v)) / total };
}

function remembered<T>(f: (t: number) => T): (t: number) => T {
  const known = new Map<number, T>();
  return (t) => {
    const value = known.get(t) ?? f(t);
    known.set(t, value);
    return value;
  };
}
