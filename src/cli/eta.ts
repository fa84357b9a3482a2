import { duration } from "./learn-line.ts";
import { note, painter } from "./terminal.ts";

const EVERY = 15_000; // ms from one line to the next, where lines stay

/** How far an experiment is and how long it will take, on stderr: a line that changes, or one every so often. */
export class Eta {
  readonly #start = performance.now();
  #said = this.#start;

  constructor(private readonly name: string) {}

  update(done: number, of: number): void {
    const now = performance.now();
    const left = done > 0 ? `${duration(((now - this.#start) / done) * (of - done))} left` : "";
    const text = `${this.name}: ${done} of ${of} answers${done < of && left ? `, ${left}` : ""}`;
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${painter(process.stderr)("dim", text)}`);
    else if (now - this.#said > EVERY) {
      note(text);
      this.#said = now;
    }
  }

  /** Says how long it took. */
  [Symbol.dispose](): void {
    note(`${this.name} took ${duration(performance.now() - this.#start)}`);
  }
}
