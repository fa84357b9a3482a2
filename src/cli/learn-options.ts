import { type Command, Option } from "commander";
import type { GateKind } from "../mask/gumbel.ts";
import { LEARN_DEFAULTS, type LearnSettings } from "../mask/learn-settings.ts";
import { METRICS, type TextMetric } from "../tasks/metrics.ts";
import { real, whole } from "./numbers.ts";

export interface LearnOptions {
  readonly model: string;
  readonly data: string;
  readonly out: string;
  readonly task?: string;
  readonly prompt?: string;
  readonly limit?: number;
  readonly maxChars?: number;
  readonly steps: number;
  readonly batch: number;
  readonly accumulate: number;
  readonly rate: number;
  readonly rateStart: number;
  readonly rateEnd: number;
  readonly warmup: number;
  readonly tauStart: number;
  readonly tauEnd: number;
  readonly tauShare: number;
  readonly lambda: number;
  readonly heads?: number;
  readonly gates: GateKind;
  readonly initMean: number;
  readonly initStd: number;
  readonly seed: number;
  readonly keepMib: number;
  readonly evalData?: string;
  readonly evalEvery?: number;
  readonly evalLimit?: number;
  readonly metric?: TextMetric;
  readonly patience?: number;
  readonly evalBatch?: number;
  readonly evalMaxNewTokens?: number;
  readonly checkpointEvery: number;
  readonly cache?: string;
  readonly resume?: boolean;
  readonly json?: boolean;
}

const MIB = 2 ** 20;
const METRIC_NAMES = Object.keys(METRICS).filter((name) => name !== "following");

const positive = real("a number above 0", (x) => x > 0);
const atLeast0 = real("a number of at least 0", (x) => x >= 0);
const share = real("a share from 0 to 1", (x) => x >= 0 && x <= 1);

/** The options of `learn`, with the library's defaults. */
export function withLearnOptions(command: Command): Command {
  const o = LEARN_DEFAULTS;
  return command
    .requiredOption(
      "--model <dir|url>",
      "the model: a Hugging Face folder, a SALMONN .yaml, or the URL of one",
    )
    .requiredOption("--data <file>", "the data set to learn from")
    .requiredOption("--out <dir>", "the run's folder: checkpoints, log, masks, pictures")
    .option("--resume", "go on with the run in the folder")
    .option("--task <name>", "only the rows of this task")
    .option("--limit <n>", "only the first n rows", whole(1))
    .option("--max-chars <n>", "leave out rows with a longer text", whole(1))
    .option("--prompt <text>", "learn under an instruction (default: none, the mask stands for it)")
    .optionsGroup("Learning:")
    .option("--steps <n>", "steps in all", whole(1, 1e9), o.steps)
    .option("--batch <n>", "rows a step", whole(1, 65_536), o.batch)
    .option("--accumulate <n>", "parts of a batch, one after another, to save memory", whole(1), o.accumulate)
    .option("--rate <x>", "highest learning rate", positive, o.rate.peak)
    .option("--rate-start <x>", "learning rate of the first step", positive, o.rate.start)
    .option("--rate-end <x>", "learning rate at the end", positive, o.rate.end)
    .option("--warmup <share>", "share of the steps in which the rate rises", share, o.rate.warmup)
    .option("--tau-start <x>", "temperature of the gates at first", positive, o.tau.start)
    .option("--tau-end <x>", "temperature in the end", positive, o.tau.end)
    .option("--tau-share <share>", "share of the steps in which it falls", share, o.tau.share)
    .option("--lambda <x>", "price of a head that is on, in nats", atLeast0, o.lambda)
    .option("--heads <k>", "keep exactly k heads: the price is steered towards that", whole(1))
    .addOption(
      new Option("--gates <kind>", "how gates are drawn")
        .choices(["hard", "soft", "sigmoid"])
        .default(o.gates),
    )
    .option("--init-mean <x>", "mean of the logits at first", real("a number", Number.isFinite), o.init.mean)
    .option("--init-std <x>", "their standard deviation", atLeast0, o.init.std)
    .option("--seed <n>", "of all that is random", whole(0, 2 ** 32 - 1), o.seed)
    .option(
      "--keep-mib <n>",
      "MiB of activations kept for the way back; beyond, layers are computed again",
      whole(0),
      o.keepBytes / MIB,
    )
    .optionsGroup("Validation:")
    .option("--eval-data <file>", "rows to answer and score (default: a tenth of --data, held out)")
    .option("--eval-every <n>", "validate after every n steps (default: a tenth of the steps)", whole(1))
    .option("--eval-limit <n>", "with only the first n rows", whole(1))
    .addOption(new Option("--metric <name>", "scored by (default: exact)").choices(METRIC_NAMES))
    .option("--patience <n>", "stop after n validations no better than the best", whole(1))
    .option("--eval-batch <n>", "rows answered together (default: 8)", whole(1, 1024))
    .option("--eval-max-new-tokens <n>", "most tokens of an answer (default: the model's)", whole(1))
    .optionsGroup("Keeping:")
    .option("--checkpoint-every <n>", "steps from one checkpoint to the next", whole(1), 10)
    .option("--cache <dir>", "the clips' embeddings, for other runs too (default: cache beside the run)")
    .optionsGroup("Output:")
    .option("--json", "print one JSON document at the end");
}

export const settingsOf = (o: LearnOptions): LearnSettings => ({
  steps: o.steps,
  batch: o.batch,
  accumulate: o.accumulate,
  rate: { start: o.rateStart, peak: o.rate, end: o.rateEnd, warmup: o.warmup },
  tau: { start: o.tauStart, end: o.tauEnd, share: o.tauShare },
  lambda: o.lambda,
  ...(o.heads !== undefined && { budget: o.heads }),
  gates: o.gates,
  init: { mean: o.initMean, std: o.initStd },
  seed: o.seed,
  keepBytes: o.keepMib * MIB,
});

/** Whether anything about validation was said. */
export const validates = (o: LearnOptions): boolean =>
  [o.evalData, o.evalEvery, o.evalLimit, o.metric, o.patience, o.evalBatch, o.evalMaxNewTokens].some(
    (value) => value !== undefined,
  );
