/**
 * A page's function as the worker calls it: the answer is not waited for but at the end, so that the page has heard all
 * before the job's result comes, which takes another way.
 */
export class Reports<T> {
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly call: (value: T) => unknown) {}

  say(value: T): void {
    this.#last = Promise.resolve(this.call(value)).catch(() => {}); // what the page does with it is the page's
  }

  async heard(): Promise<void> {
    await this.#last;
  }
}
