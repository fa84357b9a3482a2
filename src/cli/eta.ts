import { duration } from "./learn-line.ts";
import { note, painter } from "./terminal.ts";

const EVERY = 15_000; // ms from one line to the next, where lines stay

/** How far an experiment is and how long it will take, on stderr: a line that changes, or one every so often. */
export class Eta {
  readonly #start = performance.now();
  #stage = this.#start;
  #done = 0;
  #said = this.#start;

  constructor(private readonly name: string) {}

  /** @param asked what of it took time: the rest was known already. Where `done` falls, another stage has begun. */
  update(done: number, of: number, asked: number): void {
    const now = performance.now();
    if (done < this.#done) this.#stage = now;
    this.#done = done;
    const left =
      asked > 0 && done < of ? `, ${duration(((now - this.#stage) / asked) * (of - done))} left` : "";
    const text = `${this.name}: ${done} of ${of}${left}`;
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
