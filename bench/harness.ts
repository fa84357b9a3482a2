import type { DType, Gpu, Tensor } from "../src/gpu/index.ts";
import { EagerOps } from "../src/kernels/index.ts";
import { type Input, input, TooLarge } from "./inputs.ts";
import type { Peaks } from "./probe.ts";
import type { Sizes } from "./sizes.ts";
import { milliseconds, type Run, ratio, timeInTurns } from "./timing.ts";

/** One thing to measure. */
export interface Case extends Run {
  /** What a reader needs to know of the shape, by the names of docs/glossary.md: "M 512 · N 4096 · f16". */
  readonly shape: string;
  /** What a run computes and what it must at least move, by pencil and paper. */
  readonly flops: number;
  readonly bytes: number;
  /** Element i of the result, computed on the host; checked in a few places before anything is timed. */
  want(i: number): number;
}

/** A line of the table. */
export interface Row {
  readonly bench: string;
  readonly shape: string;
  readonly ms: number;
  readonly gbPerSecond: number;
  readonly gflopPerSecond: number;
  readonly share: number; // of the peak that binds: 1 is all that the probe reached
  readonly of: "bandwidth" | "arithmetic";
  readonly ratio?: number; // of the time to that of the first case of its group
}

/** What a bench that is no single kernel reports. */
export type Figures = Readonly<Record<string, number | string>>;

const SPOTS = 16;
const TOLERANCE = { f32: 2e-4, f16: 2e-2 };

/** What a bench file is given: the device, its sizes, and a place for its results. */
export class Bench {
  readonly results: (Row | ({ bench: string } & Figures))[] = [];
  #name = "";
  #owned: Disposable[] = [];

  constructor(
    readonly gpu: Gpu,
    readonly sizes: Sizes,
    readonly peaks: Peaks,
    private readonly print: (line: string) => void,
  ) {}

  /** Runs a bench file's function; what it prepared and did not measure is freed. */
  async run(name: string, bench: (b: Bench) => Promise<void>): Promise<void> {
    this.#name = name;
    try {
      await bench(this);
    } finally {
      this.#free();
    }
  }

  /** A tensor of numbers that the host knows, freed after the next `measure`. */
  input(label: string, shape: readonly number[], dtype: DType = "f32", scale = 1): Input {
    const made = input(this.gpu, label, shape, dtype, this.#owned.length + 1, scale);
    this.own(made.tensor);
    return made;
  }

  /** A tensor with the given values, freed after the next `measure`. */
  upload(label: string, shape: readonly number[], data: Float32Array | Uint32Array): Tensor {
    return this.own(this.gpu.upload(label, shape, data));
  }

  /** Has something freed after the next `measure`. */
  own<T extends Disposable>(thing: T): T {
    this.#owned.push(thing);
    return thing;
  }

  /** Prepares a case, or several to be compared with the first; checks, times and prints each. */
  async measure(prepare: () => Case | readonly Case[]): Promise<void> {
    await this.fitting(async () => {
      const cases = [prepare()].flat();
      for (const c of cases) await this.#check(c);
      const samples = await timeInTurns(this.gpu, cases, cases.length > 1 ? 1 : 0.3);
      for (const [i, c] of cases.entries())
        this.#row(c, milliseconds(samples, i), cases.length > 1 ? ratio(samples, i) : undefined);
    });
  }

  /** Runs f, then frees what it prepared; a shape that the device has no room for is said to be left out. */
  async fitting(f: () => Promise<void>): Promise<void> {
    try {
      await f();
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      this.print(`${this.#name.padEnd(17)}not measured: ${error.message}`);
    } finally {
      this.#free();
    }
  }

  /** Keeps what is no kernel's time, and prints the text. */
  report(figures: Figures, text: string): void {
    this.results.push({ bench: this.#name, ...figures });
    this.print(`${this.#name.padEnd(17)}${text}`);
  }

  /** @throws Error when the result is not what the host computes in some of its elements */
  async #check({ shape, scalar = "f32", run, want }: Case): Promise<void> {
    using ops = new EagerOps(this.gpu, this.#name, scalar);
    const y = run(ops);
    const halves = y.dtype === "f16" || y.dtype === "bf16";
    const result = halves ? widened(ops, y) : y;
    const bytes = await ops.submit(result);
    const got = result.dtype === "u32" ? new Uint32Array(bytes) : new Float32Array(bytes);
    const spots = Array.from({ length: SPOTS }, (_, s) => Math.floor((s * (got.length - 1)) / (SPOTS - 1)));
    const wanted = spots.map((i) => want(i));
    const size = Math.max(...wanted.map(Math.abs));
    for (const [s, i] of spots.entries()) {
      if (Math.abs(got[i]! - wanted[s]!) <= TOLERANCE[halves ? "f16" : scalar] * size) continue;
      throw new Error(
        `${this.#name} ${shape}: expected ${wanted[s]} at element ${i} of ${result}, got ${got[i]}`,
      );
    }
  }

  #row({ shape, flops, bytes, scalar = "f32" }: Case, ms: number, ratio: number | undefined): void {
    const [flopRate, byteRate] = [flops / (ms / 1000), bytes / (ms / 1000)];
    const arithmetic = flopRate / (this.peaks.flops[scalar] ?? Number.NaN);
    const bandwidth = byteRate / this.peaks.bytes;
    const row: Row = {
      bench: this.#name,
      shape: scalar === "f16" ? `${shape} · in f16` : shape,
      ms,
      gbPerSecond: byteRate / 1e9,
      gflopPerSecond: flopRate / 1e9,
      share: Math.max(arithmetic, bandwidth),
      of: arithmetic > bandwidth ? "arithmetic" : "bandwidth",
      ...(ratio !== undefined && { ratio }),
    };
    this.results.push(row);
    this.print(line(row));
  }

  #free(): void {
    for (const thing of this.#owned.splice(0).reverse()) thing[Symbol.dispose]();
    this.gpu.trim();
  }
}

/** A matrix of a 16-bit type as f32: all its rows, gathered. */
const widened = (ops: EagerOps, y: Tensor): Tensor =>
  ops.embed(y, ops.upload("rows", [y.rows], Uint32Array.from(Array(y.rows).keys())));

/** The names of the table's columns. */
export const HEADER = columns("bench", "shape", "ms", "GB/s", "GFLOP/s", "% of peak", "× first");

const line = (row: Row): string =>
  columns(
    row.bench,
    row.shape,
    row.ms.toPrecision(4),
    row.gbPerSecond.toFixed(1),
    row.gflopPerSecond.toFixed(1),
    `${(row.share * 100).toFixed(1)} ${row.of}`,
    row.ratio?.toFixed(3) ?? "",
  );

function columns(bench: string, shape: string, ...rest: string[]): string {
  const [ms, gb, gflop, share, ratio] = rest as [string, string, string, string, string];
  return `${bench.padEnd(17)}${shape.padEnd(50)}${ms.padStart(10)}${gb.padStart(9)}${gflop.padStart(10)}  ${share.padEnd(17)}${ratio.padStart(7)}`.trimEnd();
}
