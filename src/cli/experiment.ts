import { Argument, Command } from "commander";
import type { ExperimentName } from "../experiments/catalogue.ts";
import { overlap } from "../experiments/overlap.ts";
import type { Origin } from "../experiments/results.ts";
import { readMasks, readStudy } from "../experiments/study.ts";
import type { MaskShape } from "../mask/mask-file.ts";
import { loadWithProgress, withEngine } from "./engine.ts";
import { conclude, type RunOptions, runAll } from "./experiment-run.ts";
import { real, whole } from "./numbers.ts";
import { complain, note } from "./terminal.ts";

interface ExperimentCommandOptions extends RunOptions {
  readonly model?: string;
  readonly data?: string;
  readonly mask?: readonly string[];
  readonly other?: string;
  readonly layers?: number;
  readonly heads?: number;
}

const ABOUT: Readonly<Record<ExperimentName, string>> = {
  single: "each task under its instruction, none, random masks, its mask",
  composite: "two tasks in one answer: how often its form is kept",
  sensitivity: "many wordings of an instruction against the mask",
  overlap: "how far masks share heads beyond chance; needs no model",
  pathway: "heads switched on one after the other",
  rome: "masks of several seeds, and what they have in common",
  algebra: "two tasks' masks joined",
  transfer: "masks on other tasks, unseen voices, another model (--other)",
  cost: "what a mask saves here, and in a month",
};
const NAMES = Object.keys(ABOUT) as ExperimentName[];

const HELP = `
Examples:
  ahamask experiment single --model models/demo/model --data models/demo/study.json --out results
  ahamask experiment all --model models/demo/model --data models/demo/study.json --out results
  ahamask experiment overlap --mask asr/checkpoint.pth gr/checkpoint.pth --layers 40 --heads 40 --out results

${NAMES.map((name) => `  ${name.padEnd(13)}${ABOUT[name]}`).join("\n")}

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
      if ((options.layers === undefined) !== (options.heads === undefined))
        command.error("error: --layers and --heads go together; give both");
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
  await conclude(options.out, "Masks", origin, overlap(masks));
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
    for (const { mask } of study.tasks.flatMap(({ masks }) => masks)) mask.check(home);
    const origin: Origin = {
      model,
      fingerprint: home.fingerprint,
      adapter: engine.adapter,
      study: options.data!,
      command: commandOf(command),
    };
    using away = options.other === undefined ? undefined : await loadWithProgress(engine, options.other);
    const models = { home, ...(away && { away }) };
    await runAll(engine, name === "all" ? NAMES : [name], models, study, options, origin);
  });
}
