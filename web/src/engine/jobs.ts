import type { Job } from "./engine.ts";

/** What takes long, by the page's numbers. */
export class Jobs {
  readonly #running = new Map<Job, AbortController>();

  async run<T>(job: Job, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#running.set(job, controller);
    try {
      return await work(controller.signal);
    } finally {
      this.#running.delete(job);
    }
  }

  abort(job: Job): void {
    this.#running.get(job)?.abort(new DOMException("engine: stopped, as asked", "AbortError"));
  }

  /** All but one. */
  abortOthers(job: Job): void {
    for (const other of this.#running.keys()) if (other !== job) this.abort(other);
  }
}
