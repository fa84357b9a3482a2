import { dirname, join } from "node:path";
import { openStore } from "#files";
import type { ExperimentName } from "../experiments/catalogue.ts";
import type { Findings } from "../experiments/findings.ts";
import type { Lab, LabOptions } from "../experiments/lab.ts";
import { report } from "../experiments/report.ts";
import { formatResults, type Origin, results } from "../experiments/results.ts";
import type { Study } from "../experiments/study.ts";
import type { AudioLanguageModel } from "../model/index.ts";
import type { Engine } from "./engine.ts";
import { Eta } from "./eta.ts";
import { render } from "./experiment-render.ts";
import { complain, note } from "./terminal.ts";

/** What a run of experiments is told. */
export interface RunOptions {
  readonly out: string;
  readonly limit?: number;
  readonly batch?: number;
  readonly maxNewTokens?: number;
  readonly requestsPerDay: number;
  readonly price?: number;
  readonly watts?: number;
}

async function openLab(
  engine: Engine,
  model: AudioLanguageModel,
  out: string,
  options: RunOptions,
  eta: Eta,
): Promise<Lab> {
  const { Lab } = await import("../experiments/lab.ts");
  const { batch, limit, maxNewTokens } = options;
  const lab: LabOptions = {
    ...(batch && { batch }),
    ...(limit && { limit }),
    ...(maxNewTokens && { maxNewTokens }),
    signal: engine.signal,
    onProgress: (done, of, asked) => eta.update(done, of, asked),
    onUnheard: complain,
  };
  return Lab.open(model, openStore(out), openStore(join(dirname(options.out), "cache")), lab);
}

/** One after the other: what an experiment found is written before the next begins. */
export async function runAll(
  engine: Engine,
  names: readonly ExperimentName[],
  { home, away }: { readonly home: AudioLanguageModel; readonly away?: AudioLanguageModel },
  study: Study,
  options: RunOptions,
  origin: Origin,
): Promise<void> {
  const { EXPERIMENTS } = await import("../experiments/catalogue.ts");
  const { out, requestsPerDay, price, watts } = options;
  const cost = {
    requestsPerDay,
    ...(price !== undefined && { pricePerMillion: price }),
    ...(watts !== undefined && { watts }),
  };
  const all: Findings[] = [];
  for (const name of names) {
    const findings = await timed(name, async (eta) => {
      const lab = await openLab(engine, home, out, options, eta);
      const elsewhere =
        name === "transfer" && away
          ? { other: await openLab(engine, away, join(out, "other"), options, eta) }
          : {};
      return await EXPERIMENTS[name](lab, study, { cost, ...elsewhere });
    });
    await conclude(out, study.title, origin, findings);
    all.push(findings);
  }
  if (all.length === 1) return;
  await write(out, "report.html", report(study.title, origin, all));
  note(`wrote ${join(out, "report.html")}, with all of them`);
}

async function timed<T>(name: string, work: (eta: Eta) => Promise<T>): Promise<T> {
  using eta = new Eta(name);
  return await work(eta);
}

const write = (folder: string, file: string, text: string) =>
  openStore(folder).write(file, new TextEncoder().encode(text));

/** Writes what was found and shows its tables. */
export async function conclude(
  out: string,
  title: string,
  origin: Origin,
  findings: Findings,
): Promise<void> {
  const folder = join(out, findings.name);
  for (const { name, svg } of findings.figures) await write(folder, `${name}.svg`, svg);
  await write(folder, "results.json", formatResults(results(findings, origin)));
  await write(folder, "report.html", report(title, origin, [findings]));
  process.stdout.write(render(findings));
  note(`wrote ${join(folder, "report.html")}`);
}
