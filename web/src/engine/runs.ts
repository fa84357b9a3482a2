import {
  HeadMask,
  memoryStore,
  openStore,
  type Row,
  RunError,
  readRun,
  type Store,
  writeMask,
} from "../../../src/index.ts";
import type { Kept, LearnRequest, Run } from "./engine.ts";
import { keepsNothing } from "./models.ts";

/** What a run was begun with: all that it takes to go on, but for the clips, which are kept beside it. */
export interface Begun {
  readonly request: Omit<LearnRequest, "rows">;
  readonly rows: readonly Row[];
  /** The address that the rows' clips count from; none for clips that were heard. */
  readonly from?: string;
  readonly fingerprint: string;
  readonly layers: number;
  readonly heads: number;
}

const BEGUN = "request.json"; // written last: without it there is no run
const MASK = "mask.safetensors"; // written at a run's end

/** The runs that the browser keeps, each in a folder of its own, and those of this visit that it could not keep. */
export class Runs {
  readonly #unkept = new Map<string, Store>();

  store(name: string): Store {
    if (name === "" || name.startsWith("."))
      throw new RunError(
        `run: expected a name that does not begin with a dot, got '${name}'; choose another`,
      );
    return this.#unkept.get(name) ?? openStore(`runs/${encodeURIComponent(name)}`);
  }

  /** A store that is gone with this visit, for a run that the browser does not keep. */
  unkept(name: string): Store {
    const store = memoryStore(name);
    this.#unkept.set(name, store);
    return store;
  }

  async begun(name: string): Promise<Begun | undefined> {
    const bytes = await this.store(name).read(BEGUN);
    return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as Begun);
  }

  async begin(store: Store, begun: Begun): Promise<void> {
    await store.write(BEGUN, new TextEncoder().encode(JSON.stringify(begun)));
  }

  /** Its mask is written, at its last step. */
  async finished(name: string): Promise<boolean> {
    return (await this.store(name).list()).includes(MASK);
  }

  /** What a run has come to. @throws RunError when there is none, or its checkpoints are damaged */
  async read(name: string): Promise<Run> {
    const run = await this.#find(name);
    if (run) return run;
    throw new RunError(`run: expected a run '${name}' that is kept here, got none; begin one`);
  }

  async #find(name: string): Promise<Run | undefined> {
    const begun = await this.begun(name);
    if (!begun) return undefined;
    const { request, fingerprint, layers, heads } = begun;
    const { task, steps } = request;
    const store = this.store(name);
    const { state, log } = await readRun(store, layers * heads);
    const step = log.length;
    const atEnd = step === steps ? await store.read(MASK) : undefined;
    const soFar =
      state && HeadMask.fromLogits(layers, heads, state.logits).withMetadata({ fingerprint, task });
    const mask = atEnd ?? (soFar && writeMask(soFar));
    return {
      name,
      task,
      fingerprint,
      step,
      steps,
      lasting: !this.#unkept.has(name),
      losses: log.map(({ loss }) => loss),
      ...(mask && { mask }),
    };
  }

  async all(): Promise<Pick<Kept, "runs" | "damaged">> {
    const runs: Run[] = [];
    const damaged: { name: string; reason: string }[] = [];
    for (const name of await this.#names()) {
      try {
        const run = await this.#find(name);
        if (run) runs.push(run); // if not, another tab has just forgotten it
      } catch (error) {
        damaged.push({ name, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    return { runs, damaged };
  }

  /** @throws RunError while it is learning */
  async forget(name: string): Promise<void> {
    await alone(name, () => this.clear(name));
  }

  async forgetAll(): Promise<void> {
    for (const name of await this.#names()) await this.forget(name);
  }

  async clear(name: string): Promise<void> {
    const store = this.store(name);
    await store.remove(BEGUN);
    for (const path of await store.list()) await store.remove(path);
    this.#unkept.delete(name);
  }

  async #names(): Promise<string[]> {
    const kept = (await openStore("runs").list().catch(keepsNothing)).flatMap((path) => {
      const [folder, file] = path.split("/");
      return file === BEGUN ? [decodeURIComponent(folder!)] : [];
    });
    return [...new Set([...kept, ...this.#unkept.keys()])];
  }
}

/** Does the work on a run that nobody else is at, in this tab or another. @throws RunError when somebody is */
export async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (!navigator.locks) return await work(); // an insecure page, which keeps nothing either
  return await navigator.locks.request(`ahamask run ${name}`, { ifAvailable: true }, async (lock) => {
    if (lock) return await work();
    throw new RunError(
      `run: expected '${name}' to be at rest, got one that is learning, here or in another tab; pause it there`,
    );
  });
}
