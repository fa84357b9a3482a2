/** One thing at a time, in the order it was asked for: the GPU has one memory, and times are measured. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {}); // whoever asked for it hears of it
    return result;
  }
}
