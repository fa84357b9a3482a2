/** How gates are drawn from logits in learning: 0 or 1, between them, or between them without noise. */
export type GateKind = "hard" | "soft" | "sigmoid";

const TINY = 1e-30; // well above the denormal numbers of f32

/** Gates and their slopes with respect to the logits, of one sample. */
export interface DrawnGates {
  readonly gates: Float32Array; // [L·H]
  readonly slope: Float32Array; // [L·H], dS/dM
}

/**
 * S = σ((M + G)/τ) with G = ln(Exp(1)); a hard gate is 1 where S > ½, and its gradient is that of S (straight-through,
 * arXiv 1308.3432). P(on) = exp(−e^(−M)). AHAMask (arXiv 2509.01787), section 3.
 *
 * @param logits M [L·H]
 * @param noise G [L·H]; not used by "sigmoid", which is σ(M) whatever τ
 */
export function drawGates(
  logits: Float32Array,
  noise: Float32Array,
  tau: number,
  kind: GateKind,
): DrawnGates {
  const gates = new Float32Array(logits.length);
  const slope = new Float32Array(logits.length);
  const scale = kind === "sigmoid" ? 1 : 1 / tau;
  for (const [i, m] of logits.entries()) {
    const s = sigmoid((kind === "sigmoid" ? m : m + noise[i]!) * scale);
    if (s < TINY) continue; // off: shaders may take it for 0 in one place and divide by it in another
    gates[i] = kind === "hard" ? Number(s > 0.5) : s;
    slope[i] = s * (1 - s) * scale;
  }
  return { gates, slope };
}

/** The sum of the gates on average: Σ exp(−e^(−M)) with noise, Σ σ(M) without. */
export const expectedOn = (logits: Float32Array, kind: GateKind): number =>
  logits.reduce((sum, m) => sum + (kind === "sigmoid" ? sigmoid(m) : Math.exp(-Math.exp(-m))), 0);

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
