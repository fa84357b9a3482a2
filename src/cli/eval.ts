import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { openStore, readFile } from "#files";
import type { AudioLanguageModel } from "../index.ts";
import { decodeText } from "../io/source.ts";
import { ClipCache } from "../tasks/clip-cache.ts";
import { type BadRow, DataError, describeBad, parseDataset, type Row } from "../tasks/dataset.ts";
import { type Condition, type Evaluated, evalItems, evaluate } from "../tasks/evaluate.ts";
import type { Format } from "../tasks/following.ts";
import type { Score } from "../tasks/metric-types.ts";
import { METRICS, type MetricName, type TextMetric } from "../tasks/metrics.ts";
import { answerFormat } from "./answer-format.ts";
import { chooseRows } from "./choose-rows.ts";
import { type Engine, loadWithProgress, withEngine } from "./engine.ts";
import { EXIT } from "./errors.ts";
import { ResultsFile } from "./eval-results.ts";
import { whole } from "./numbers.ts";
import { complain, note, Progress, pairs } from "./terminal.ts";

interface RandomMask {
  /** Heads on. */
  readonly on: number;
  readonly seed: number;
}

interface EvalOptions {
  readonly model: string;
  readonly data: string;
  readonly task?: string;
  readonly prompt?: string;
  readonly mask?: string;
  readonly randomMask?: RandomMask;
  readonly metrics: readonly MetricName[];
  readonly format?: Format<TextMetric>;
  readonly labels?: readonly string[];
  readonly limit?: number;
  readonly maxChars?: number;
  readonly batch: number;
  readonly out?: string;
  readonly cache?: string;
  readonly maxNewTokens?: number;
  readonly json?: boolean;
}

/** What `eval --json` prints. */
export interface EvalDocument {
  readonly model: string;
  readonly fingerprint: string;
  readonly adapter: string;
  readonly data: string;
  readonly task: string | null;
  readonly prompt: string | null;
  readonly mask: string | null;
  readonly randomMask: RandomMask | null;
  /** Rows answered, those of earlier runs included. */
  readonly rows: number;
  readonly skipped: readonly BadRow[];
  readonly scores: readonly Score[];
}

const NAMES = Object.keys(METRICS) as MetricName[];

const HELP = `
Examples:
  ahamask eval --model DIR --data asr.jsonl --prompt "transcribe the speech"
  ahamask eval --model DIR --data test.json --task gr --mask gr.safetensors
  ahamask eval --model DIR --data asr.jsonl --random-mask 41,0 --metrics wer \\
               --out random.jsonl --cache ~/.cache/clips

The data file is JSON Lines of {"audio", "text", "task"?, "question"?} or
{"annotation": [{"path", "text", "task"?, "Q"?, "expand_wav"?}]}; relative
audio files count from its folder. Rows that cannot be used are named.

Without --prompt and without a mask each row's own question is asked, or
nothing. A mask stands for the instruction: nothing is asked then, but what it
was learned under.

Metrics, in percent over all rows answered:
  METRICS
"following" is the share of composite answers that have the form asked for, and
needs it, such as --format '{"separator": "|", "parts": [{"metric": "wer"},
{"metric": "accuracy"}]}' or --format '{"keys": {"text": {"metric": "wer"}}}';
its parts' scores are in the details of --json.

--out writes each answer as it is known. When it is interrupted, the same
command goes on where it stopped; another model, data file, prompt, mask or
--max-new-tokens is refused. --limit and --batch may change.

--json prints {"model", "fingerprint", "adapter", "data", "task", "prompt",
"mask", "randomMask", "rows", "skipped": [{"row", "reason"}],
"scores": [{"name", "value", "better", "details"?}]}.

Exit codes: 0 fine, 1 failed or some rows could not be used, 2 bad usage,
130 interrupted.`;

export function evalCommand(): Command {
  return new Command("eval")
    .description("answer a data set and score the answers")
    .requiredOption(
      "--model <dir|url>",
      "the model: a Hugging Face folder, a SALMONN .yaml, or the URL of one",
    )
    .requiredOption("--data <file>", "the data set")
    .option("--task <name>", "only the rows of this task")
    .option("--prompt <text>", "the instruction to every row")
    .option("--mask <file>", "a head mask: safetensors, a published .pth, or bare bits")
    .option("--random-mask <k,seed>", "a random mask with k heads on", randomMask)
    .addOption(
      new Option("--metrics <names>", "comma-separated")
        .argParser(metricNames)
        .default(["exact", "wer"], "exact,wer"),
    )
    .option("--format <json>", "how composite answers are built, for following", answerFormat)
    .option("--labels <names>", "all right answers that there are, for accuracy: a,b,c", labels)
    .option("--limit <n>", "only the first n rows", whole(1))
    .option("--max-chars <n>", "leave out rows with a longer text", whole(1))
    .option("--batch <n>", "rows answered together", whole(1, 1024), 8)
    .option("--out <file>", "write each answer here, and go on from what it holds")
    .option("--cache <dir>", "keep the clips' embeddings here, for other evaluations")
    .option("--max-new-tokens <n>", "most tokens of an answer (default: the model's)", whole(1))
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP.replace("METRICS", NAMES.join(", ")))
    .action(async (options: EvalOptions, command: Command) => {
      const ways = [options.prompt, options.mask, options.randomMask].filter((way) => way !== undefined);
      if (ways.length > 1)
        command.error("error: --prompt, --mask and --random-mask exclude each other; choose one");
      if (options.metrics.includes("following") !== (options.format !== undefined))
        command.error("error: --metrics following and --format need each other");
      if (options.labels && !options.metrics.includes("accuracy"))
        command.error("error: --labels is of use only with --metrics accuracy");
      await run(options);
    });
}

function metricNames(text: string): MetricName[] {
  return text.split(",").map((name) => {
    const found = NAMES.find((known) => known === name.trim());
    if (found) return found;
    throw new InvalidArgumentError(`Expected metrics among ${NAMES.join(", ")}, got '${name}'.`);
  });
}

function labels(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.every((name) => name !== "")) return names;
  throw new InvalidArgumentError(`Expected labels such as female,male, got '${text}'.`);
}

function randomMask(text: string): RandomMask {
  const [, on, seed] = text.match(/^([0-9]+),([0-9]+)$/) ?? [];
  if (on === undefined || Number(seed) >= 2 ** 32)
    throw new InvalidArgumentError("Expected the heads on and a seed, such as 41,0.");
  return { on: Number(on), seed: Number(seed) };
}

async function run(o: EvalOptions): Promise<void> {
  // What is not there is said before gigabytes are loaded.
  const bytes = await readFile(o.data);
  const set = parseDataset(decodeText(o.data, bytes), o.data, {
    ...(o.maxChars && { maxChars: o.maxChars }),
  });
  const rows = chooseRows(set, o.task, o.limit);
  const right = rows.map(({ text }) => ({ hypothesis: text, reference: text }));
  for (const name of o.metrics) METRICS[name](right, o);
  const bits = o.mask === undefined ? undefined : await readFile(o.mask);
  const bad = describeBad(set);
  if (bad) complain(bad);
  const document = await withEngine(async (engine): Promise<EvalDocument> => {
    note(`on ${engine.adapter}`);
    using model = await loadWithProgress(engine, o.model);
    const condition = await makeCondition(engine, o, bits, model);
    const file =
      o.out === undefined ? undefined : await openResults(o.out, o, sha256(bytes), condition, model);
    const { answers, skipped } = await answerAll(engine, model, rows, condition, o, file);
    return {
      model: o.model,
      fingerprint: model.fingerprint,
      adapter: engine.adapter,
      data: o.data,
      task: o.task ?? null,
      prompt: condition.prompt || null,
      mask: o.mask ?? null,
      randomMask: o.randomMask ?? null,
      rows: answers.length,
      skipped: [...set.bad, ...skipped],
      scores: o.metrics.map((name) => METRICS[name](answers, o)),
    };
  });
  process.stdout.write(o.json ? `${JSON.stringify(document, null, 2)}\n` : table(document));
  if (document.skipped.length > 0) process.exitCode = EXIT.failed;
}

async function makeCondition(
  { ahamask }: Engine,
  { prompt, mask: file, randomMask: random }: EvalOptions,
  bits: Uint8Array | undefined,
  model: AudioLanguageModel,
): Promise<Condition> {
  const mask = bits
    ? await ahamask.readMask(bits, file!, model)
    : random && ahamask.HeadMask.random(model.layers, model.heads, random.on, random.seed);
  mask?.check(model);
  if (mask) {
    const { prompt: under = "" } = mask.metadata;
    if (under) note(`the mask was learned under an instruction, which is given too: ${under}`);
    return { name: "mask", prompt: under, mask };
  }
  return prompt === undefined ? { name: "question" } : { name: "prompt", prompt };
}

const openResults = (
  path: string,
  { maxNewTokens }: EvalOptions,
  data: string,
  { prompt, mask }: Condition,
  { fingerprint }: AudioLanguageModel,
): Promise<ResultsFile> =>
  ResultsFile.open(path, {
    model: fingerprint,
    data,
    prompt: prompt ?? null,
    mask: mask ? sha256(mask.toBits()) : null,
    maxNewTokens: maxNewTokens ?? null,
  });

/** Answers the rows that `file` does not hold yet; all answers, in the rows' order. */
async function answerAll(
  { signal }: Engine,
  model: AudioLanguageModel,
  rows: readonly Row[],
  condition: Condition,
  { data, batch, cache, maxNewTokens, out }: EvalOptions,
  file: ResultsFile | undefined,
): Promise<{ answers: Evaluated[]; skipped: BadRow[] }> {
  const done = new Map(file?.done);
  const rest = rows.filter(({ row }) => !done.has(row));
  if (rest.length < rows.length)
    note(`${rows.length - rest.length} of ${rows.length} rows are in ${out} already`);
  const skipped: BadRow[] = [];
  const options = {
    batch,
    signal,
    cache: new ClipCache(model, cache === undefined ? undefined : openStore(cache)),
    ...(maxNewTokens && { maxNewTokens }),
  };
  using bar = new Progress("Evaluating", String);
  let known = rows.length - rest.length;
  for await (const result of evaluate(model, evalItems(model, rest, dirname(data)), [condition], options)) {
    if ("reason" in result) {
      complain(`row ${result.row}: ${result.reason}`);
      skipped.push(result);
    } else {
      await file?.append(result);
      done.set(result.row, result);
    }
    bar.update(++known, rows.length);
  }
  const answers = rows.flatMap(({ row }) => done.get(row) ?? []);
  if (answers.length === 0) throw new DataError(`data: ${data}: expected a row that can be heard, got none`);
  const cut = answers.filter(({ stopped }) => !stopped).length;
  if (cut > 0) note(`${cut} of ${answers.length} answers were cut off; see --max-new-tokens`);
  return { answers, skipped };
}

/** How many rows, and a line a score. */
function table({ rows, scores }: EvalDocument): string {
  const line = ({ name, value, better }: Score) =>
    [name, `${value.toFixed(2)} % (${better} is better)`] as const;
  return [`${rows} rows`, ...pairs(scores.map(line)), ""].join("\n");
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
