import { dirname, join } from "node:path";
import { Argument, Command } from "commander";
import { openStore, readFile } from "#files";
import type { ExperimentName } from "../experiments/catalogue.ts";
import type { Findings } from "../experiments/findings.ts";
import type { Lab, LabOptions } from "../experiments/lab.ts";
import { overlap } from "../experiments/overlap.ts";
import { report } from "../experiments/report.ts";
import { type Origin, results } from "../experiments/results.ts";
import { type NamedMask, nameOf, readStudy, type Study } from "../experiments/study.ts";
import { type MaskShape, readMask } from "../mask/mask-file.ts";
import { type Engine, loadWithProgress, withEngine } from "./engine.ts";
import { Eta } from "./eta.ts";
import { render } from "./experiment-render.ts";
import { real, whole } from "./numbers.ts";
import { complain, note } from "./terminal.ts";

interface ExperimentCommandOptions {
  readonly model?: string;
  readonly data?: string;
  readonly mask?: readonly string[];
  readonly out: string;
  readonly other?: string;
  readonly limit?: number;
  readonly batch?: number;
  readonly maxNewTokens?: number;
  readonly requestsPerDay: number;
  readonly price?: number;
  readonly watts?: number;
  readonly layers?: number;
  readonly heads?: number;
}

const NAMES: readonly ExperimentName[] = [
  "single",
  "composite",
  "sensitivity",
  "overlap",
  "pathway",
  "rome",
  "algebra",
  "transfer",
  "cost",
];

const HELP = `
Examples:
  ahamask experiment single --model models/demo/model --data models/demo/study.json --out results
  ahamask experiment all --model models/demo/model --data models/demo/study.json --out results
  ahamask experiment overlap --mask asr/checkpoint.pth gr/checkpoint.pth --layers 40 --heads 40 --out results

  single       each task under its instruction, none, random masks, its mask
  composite    two tasks in one answer: how often its form is kept
  sensitivity  many wordings of an instruction against the mask
  overlap      how far masks share heads beyond chance; needs no model
  pathway      heads switched on one after the other
  rome         masks of several seeds, and what they have in common
  algebra      two tasks' masks joined
  transfer     masks on other tasks, unseen voices, another model (--other)
  cost         what a mask saves here, and in a month

--data is a study: tasks with their clips, wordings and masks; see
models/demo/study.json. --out gets a folder for each experiment, with
results.json and figures, one report.html, and answers.jsonl: what was answered
once is not asked again, so that a run that was interrupted goes on.

Exit codes: 0 fine, though clips may have been left out, 1 failed, 2 bad usage, 130 interrupted.`;

/** `ahamask experiment`: the paper's experiments on a model of one's own. */
export function experimentCommand(): Command {
  return new Command("experiment")
    .description("repeat the paper's experiments: tables, figures and a report")
    .addArgument(new Argument("<name>", "which one").choices([...NAMES, "all"]))
    .option("--model <dir|url>", "the model; overlap needs none")
    .option("--data <file>", "the study: study.json")
    .option("--mask <file...>", "for overlap: masks in place of a study")
    .requiredOption("--out <dir>", "where results are kept")
    .option("--other <dir|url>", "another model, for transfer")
    .option("--limit <n>", "clips of a task (default: all)", whole(1))
    .option("--batch <n>", "answers decoded together (default: 16)", whole(1))
    .option("--max-new-tokens <n>", "most tokens of an answer (default: the model's)", whole(1))
    .option("--requests-per-day <n>", "for cost", whole(1), 1_000_000)
    .option(
      "--price <x>",
      "for cost: of a million prompt tokens",
      real("a number of at least 0", (x) => x >= 0),
    )
    .option(
      "--watts <x>",
      "for cost: what this machine draws",
      real("a number above 0", (x) => x > 0),
    )
    .option("--layers <n>", "of masks that do not tell", whole(1))
    .option("--heads <n>", "of a layer, of masks that do not tell", whole(1))
    .addHelpText("after", HELP)
    .action(async (name: ExperimentName | "all", options: ExperimentCommandOptions, command: Command) => {
      if (options.mask && (name !== "overlap" || options.data))
        command.error("error: --mask is for overlap, in place of --data");
      if (!options.mask && !options.data)
        command.error("error: required option '--data <file>' not specified");
      if (name === "overlap") await withoutModel(options, command);
      else if (options.model === undefined)
        command.error("error: required option '--model <dir|url>' not specified");
      else await withModel(name, options.model, options, command);
    });
}

const shapeOf = ({ layers, heads }: ExperimentCommandOptions): MaskShape | undefined =>
  layers !== undefined && heads !== undefined ? { layers, heads } : undefined;

/** The command as it was given, for whoever reads its results. */
const commandOf = (command: Command) =>
  `ahamask experiment ${(command.parent?.args ?? command.args).slice(1).join(" ")}`;

async function withoutModel(options: ExperimentCommandOptions, command: Command): Promise<void> {
  const masks = options.mask
    ? await readMasks(options.mask, shapeOf(options))
    : (await readStudy(options.data!, shapeOf(options))).tasks.flatMap((task) => task.masks.slice(0, 1));
  const origin: Origin = {
    ...{ model: null, fingerprint: null, adapter: null },
    study: options.data ?? "masks",
    command: commandOf(command),
  };
  await conclude(options.out, "Masks", origin, [overlap(masks)]);
}

async function readMasks(paths: readonly string[], shape: MaskShape | undefined): Promise<NamedMask[]> {
  const masks: NamedMask[] = [];
  for (const path of paths)
    masks.push({ name: nameOf(path), mask: await readMask(await readFile(path), path, shape) });
  return masks;
}

async function withModel(
  name: ExperimentName | "all",
  model: string,
  options: ExperimentCommandOptions,
  command: Command,
): Promise<void> {
  const study = await readStudy(options.data!, shapeOf(options));
  for (const warning of study.warnings) complain(warning);
  await withEngine(async (engine) => {
    note(`on ${engine.adapter}`);
    using home = await loadWithProgress(engine, model);
    const origin: Origin = {
      model,
      fingerprint: home.fingerprint,
      adapter: engine.adapter,
      study: options.data!,
      command: commandOf(command),
    };
    const run = async (other?: Lab) => {
      const findings = await runAll(engine, name === "all" ? NAMES : [name], home, study, options, other);
      await conclude(options.out, study.title, origin, findings);
    };
    if (options.other === undefined) return await run();
    using away = await loadWithProgress(engine, options.other);
    return await run(await openLab(engine, away, join(options.out, "other"), options));
  });
}

type Model = Awaited<ReturnType<typeof loadWithProgress>>;

async function openLab(
  engine: Engine,
  model: Model,
  out: string,
  options: ExperimentCommandOptions,
  eta?: Eta,
): Promise<Lab> {
  const { Lab } = await import("../experiments/lab.ts");
  const { batch, limit, maxNewTokens } = options;
  const lab: LabOptions = {
    ...(batch && { batch }),
    ...(limit && { limit }),
    ...(maxNewTokens && { maxNewTokens }),
    signal: engine.signal,
    onProgress: (done, of) => eta?.update(done, of),
    onUnheard: complain,
  };
  return Lab.open(model, openStore(out), openStore(join(dirname(options.out), "cache")), lab);
}

async function runAll(
  engine: Engine,
  names: readonly ExperimentName[],
  model: Model,
  study: Study,
  options: ExperimentCommandOptions,
  other: Lab | undefined,
): Promise<Findings[]> {
  const { EXPERIMENTS } = await import("../experiments/catalogue.ts");
  const { requestsPerDay, price, watts } = options;
  const cost = {
    requestsPerDay,
    ...(price !== undefined && { pricePerMillion: price }),
    ...(watts !== undefined && { watts }),
  };
  const all: Findings[] = [];
  for (const name of names) {
    using eta = new Eta(name);
    const lab = await openLab(engine, model, options.out, options, eta);
    all.push(await EXPERIMENTS[name](lab, study, { cost, ...(other && { other }) }));
  }
  return all;
}

/** Writes everything and shows the tables. */
async function conclude(out: string, title: string, origin: Origin, all: readonly Findings[]): Promise<void> {
  const write = (folder: string, file: string, text: string) =>
    openStore(folder).write(file, new TextEncoder().encode(text));
  for (const findings of all) {
    const folder = join(out, findings.name);
    for (const { name, svg } of findings.figures) await write(folder, `${name}.svg`, svg);
    await write(folder, "results.json", `${JSON.stringify(results(findings, origin), null, 1)}\n`);
    await write(folder, "report.html", report(title, origin, [findings]));
    process.stdout.write(render(findings));
    note(`wrote ${join(folder, "report.html")}`);
  }
  if (all.length === 1) return;
  await write(out, "report.html", report(title, origin, all));
  note(`wrote ${join(out, "report.html")}, with all of them`);
}
