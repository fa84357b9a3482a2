import { type Gpu, type Scalar, type Tensor, Timestamps } from "../src/gpu/index.ts";
import { EagerOps } from "../src/kernels/index.ts";

/** Something to be timed: the dispatches that `run` records. */
export interface Run {
  readonly scalar?: Scalar;
  run(ops: EagerOps): Tensor;
}

// What a submit lasts at least half of, by as many runs as it takes; the wall clock sees the way there and back too.
const SUBMIT_MS = { "gpu timestamps": 1, "wall clock": 20 };
const MOST_RUNS = 512;
const MOST_ROUNDS = 3000;

/** Milliseconds of single runs, [rounds][runs]. */
export interface Samples {
  readonly rounds: readonly (readonly number[])[];
  readonly runs: number; // of each, in a submit
}

/** Which clock `timeInTurns` reads on this device. */
export const clock = (gpu: Gpu): "gpu timestamps" | "wall clock" =>
  gpu.features.has("timestamp-query") ? "gpu timestamps" : "wall clock";

/**
 * Times the runs in turns, A B C, B C A, …, so that whatever else the machine does meets all alike, for at least
 * `seconds` each. Everything is compiled and warm before the first sample.
 */
export async function timeInTurns(gpu: Gpu, list: readonly Run[], seconds: number): Promise<Samples> {
  using watch = new Watch(gpu);
  const runs = await calibrate(gpu, watch, list[0]!);
  const recordings = list.map((run) => record(gpu, run, runs));
  try {
    for (const recording of recordings) await watch.time(recording);
    const rounds: number[][] = [];
    for (
      let spent = 0;
      (spent < seconds * 1000 * list.length || rounds.length < 5) && rounds.length < MOST_ROUNDS;
    ) {
      const round = list.map(() => 0);
      for (let i = 0; i < list.length; i++) {
        const turn = (i + rounds.length) % list.length;
        const ms = await watch.time(recordings[turn]!);
        round[turn] = ms / runs;
        spent += ms;
      }
      rounds.push(round);
    }
    return { rounds, runs };
  } finally {
    for (const recording of recordings) recording.dispose();
  }
}

/** The median of run i's samples. */
export const milliseconds = ({ rounds }: Samples, i: number): number =>
  median(rounds.map((round) => round[i]!));

/** Run i's time to the first run's: the median over the rounds, each of which compares neighbours in time. */
export const ratio = ({ rounds }: Samples, i: number): number =>
  median(rounds.map((round) => round[i]! / round[0]!));

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}

/** The run, as often as asked, as one list of dispatches; each run's tensors are the next one's again. */
export function record(gpu: Gpu, { run, scalar }: Run, times: number): EagerOps {
  const ops = new EagerOps(gpu, "bench", scalar);
  const none = ops.tensor("none", [1]);
  for (let i = 0; i < times; i++)
    ops.block(() => {
      run(ops);
      return none;
    });
  return ops;
}

/** How many runs make a submit long enough to be timed. */
async function calibrate(gpu: Gpu, watch: Watch, run: Run): Promise<number> {
  const target = SUBMIT_MS[clock(gpu)];
  for (let runs = 1; ; ) {
    using recording = record(gpu, run, runs);
    await watch.time(recording);
    const ms = await watch.time(recording);
    if (ms >= target / 2 || runs === MOST_RUNS) return runs;
    runs = Math.min(MOST_RUNS, Math.ceil(runs * Math.min(16, Math.max(2, target / ms))));
  }
}

/** Milliseconds of a recording: of its pass by the GPU's clock, else from the submit until the queue is drained. */
class Watch {
  readonly #timestamps: Timestamps | undefined;

  constructor(private readonly gpu: Gpu) {
    if (clock(gpu) === "gpu timestamps") this.#timestamps = new Timestamps(gpu);
  }

  async time({ recorder }: EagerOps): Promise<number> {
    if (this.#timestamps) return await recorder.time(this.#timestamps);
    const start = performance.now();
    recorder.submit();
    await this.gpu.drain();
    return performance.now() - start;
  }

  [Symbol.dispose](): void {
    this.#timestamps?.dispose();
  }
}
