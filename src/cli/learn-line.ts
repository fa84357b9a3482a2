import type { LogLine } from "../mask/run-state.ts";
import { note, painter, printable } from "./terminal.ts";

const LINES = 20; // of a run, where they stay
const SMOOTH = 0.9; // of the loss: its average over about the last 10 steps

/** How a run gets on, on stderr: in one line of a terminal that changes, or in a line every so often. */
export class LearnLine {
  #loss: number | undefined;
  #begin: number | undefined;
  #steps = 0;

  constructor(
    private readonly steps: number,
    private readonly heads: number,
  ) {}

  update(line: LogLine, metric: string | undefined): void {
    this.#loss = this.#loss === undefined ? line.loss : SMOOTH * this.#loss + (1 - SMOOTH) * line.loss;
    this.#begin ??= performance.now() - line.ms;
    this.#steps++;
    const validation = line.validation === undefined ? "" : `, ${metric} ${line.validation.toFixed(2)} %`;
    const text = this.#text(line) + validation;
    const often = Math.ceil(this.steps / LINES);
    if (validation || (!process.stderr.isTTY && (line.step % often === 0 || this.#steps === 1))) note(text);
    else if (process.stderr.isTTY)
      process.stderr.write(`\r\u001b[K${painter(process.stderr)("dim", printable(text))}`);
  }

  #text({ step, tau, on, tokensPerSecond }: LogLine): string {
    const each = (performance.now() - this.#begin!) / this.#steps; // validations too
    const left = duration((this.steps - step) * each);
    return (
      `step ${step}/${this.steps}, loss ${this.#loss!.toFixed(3)}, τ ${tau.toFixed(2)}, ` +
      `${on}/${this.heads} heads, ${tokensPerSecond.toFixed(0)} tokens/s, ${left} left`
    );
  }

  /** Clears the line. */
  [Symbol.dispose](): void {
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  }
}

/** Milliseconds for people, to two places. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h > 0) return `${h} h ${m} min`;
  return m > 0 ? `${m} min ${s} s` : `${s} s`;
}
