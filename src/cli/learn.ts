import { dirname, join } from "node:path";
import { Command } from "commander";
import { openStore, readFile } from "#files";
import type { AudioLanguageModel } from "../index.ts";
import { decodeText } from "../io/source.ts";
import { LearnError } from "../mask/errors.ts";
import { checkSettings } from "../mask/learn-settings.ts";
import { RunFolder } from "../mask/run.ts";
import { ClipCache } from "../tasks/clip-cache.ts";
import { describeBad, parseDataset } from "../tasks/dataset.ts";
import { holdOut, type LearnData } from "../tasks/learn-data.ts";
import type { LearnEvent, Learned, Validation } from "../tasks/learn-run.ts";
import { chooseRows } from "./choose-rows.ts";
import { loadWithProgress, withEngine } from "./engine.ts";
import { Interrupted } from "./errors.ts";
import { learnDocument, type Skipped, summary, writePictures } from "./learn-end.ts";
import { LearnLine } from "./learn-line.ts";
import { type LearnOptions, settingsOf, validates, withLearnOptions } from "./learn-options.ts";
import { complain, note, Progress } from "./terminal.ts";

const HELP = `
Examples:
  ahamask learn --model DIR --data asr.jsonl --out runs/asr
  ahamask learn --model DIR --data gr.jsonl --out runs/gr --heads 32 \\
                --eval-data gr.eval.jsonl --metric exact --patience 5
  ahamask learn … --out runs/asr --resume

Learns which attention heads to keep so that the model, told nothing, answers
as the data set does. The data file is that of eval. Rows that cannot be used
are named and left out.

--out gets config.json, log.jsonl (a line a step), checkpoints/, at the end
mask.safetensors, mask.bits, heads.svg and loss.svg, and with validation
best.safetensors, the best mask so far. Validation is on when one of its
options is given.

Ctrl-C ends the run after its step. However a run ended, the same command with
--resume goes on from the last checkpoint and comes to the same mask, bit for
bit, as a run that was not interrupted on the same adapter. Only --keep-mib,
--checkpoint-every, --eval-batch, --eval-max-new-tokens and --cache may change;
shorter answers may make another mask the best.

--json prints {"model", "fingerprint", "adapter", "data", "task", "prompt",
"out", "rows", "skipped": [{"data", "row", "reason"}], "steps", "loss",
"heads": {"on", "of"}, "best": {"step", "metric", "value"} or null, "mask"}.

Exit codes: 0 fine, though rows may have been left out, 1 failed, 2 bad usage, 130 interrupted.`;

export function learnCommand(): Command {
  return withLearnOptions(new Command("learn"))
    .description("learn a head mask from a data set, in place of an instruction")
    .addHelpText("after", HELP)
    .action(async (options: LearnOptions, command: Command) => {
      try {
        checkSettings(settingsOf(options), Infinity);
      } catch (error) {
        if (error instanceof LearnError) command.error(`error: ${error.message}`);
        throw error;
      }
      await run(options);
    });
}

async function run(o: LearnOptions): Promise<void> {
  // What is not there is said before gigabytes are loaded.
  const store = openStore(o.out);
  if (!o.resume) await RunFolder.checkNew(store);
  const skipped: Skipped[] = [];
  const { data, validation } = await readData(o, skipped);
  let begun = false; // until then there is no run to keep
  await withEngine(
    async (engine) => {
      note(`on ${engine.adapter}`);
      using model = await loadWithProgress(engine, o.model);
      const { task = taskOf(data), prompt, resume, checkpointEvery } = o;
      const course = engine.ahamask.learnRun(model, store, data, {
        settings: settingsOf(o),
        cache: new ClipCache(model, openStore(o.cache ?? join(dirname(o.out), "cache"))),
        signal: engine.signal,
        ...{ task, prompt, resume, checkpointEvery, validation },
      });
      const { learned, rows } = await follow(course, model, o, skipped, () => {
        begun = true;
      });
      await writePictures(store, learned, o);
      const document = learnDocument(o, engine.adapter, model, learned, rows, skipped);
      process.stdout.write(o.json ? `${JSON.stringify(document, null, 2)}\n` : summary(document, learned));
    },
    () => (begun ? "the run ends after this step, with a checkpoint" : undefined),
  );
}

/** The task that all rows are of, if they say one. */
function taskOf({ rows }: LearnData): string | undefined {
  const [task, ...others] = new Set(rows.map((row) => row.task));
  return others.length === 0 ? task : undefined;
}

/** The rows to learn from and those to validate with; the bad ones of their files are said, and added to `skipped`. */
async function readData(
  o: LearnOptions,
  skipped: Skipped[],
): Promise<{ readonly data: LearnData; readonly validation?: Validation }> {
  const read = async (file: string, limit: number | undefined): Promise<LearnData> => {
    const set = parseDataset(decodeText(file, await readFile(file)), file, {
      ...(o.maxChars && { maxChars: o.maxChars }),
    });
    const bad = describeBad(set);
    if (bad) complain(bad);
    skipped.push(...set.bad.map((row) => ({ data: file, ...row })));
    return { name: file, rows: chooseRows(set, o.task, limit), clips: dirname(file) };
  };
  const data = await read(o.data, o.limit);
  if (!validates(o)) return { data };
  const how = {
    metric: o.metric ?? "exact",
    every: o.evalEvery ?? Math.ceil(o.steps / 10),
    patience: o.patience,
    batch: o.evalBatch,
    maxNewTokens: o.evalMaxNewTokens,
  };
  if (o.evalData !== undefined)
    return { data, validation: { ...(await read(o.evalData, o.evalLimit)), ...how } };
  const { learn, validate } = holdOut(data.rows, o.seed);
  const rows = validate.slice(0, o.evalLimit);
  return { data: { ...data, rows: learn }, validation: { ...data, rows, ...how } };
}

/** Tells what happens in a run until it ends. */
async function follow(
  course: AsyncGenerator<LearnEvent, Learned>,
  model: AudioLanguageModel,
  { metric = "exact", out, steps }: LearnOptions,
  skipped: Skipped[],
  begin: () => void,
): Promise<{ readonly learned: Learned; readonly rows: number }> {
  using bar = new Progress("Listening", String);
  using line = new LearnLine(steps, model.layers * model.heads);
  let rows = 0;
  try {
    for (;;) {
      const { value, done } = await course.next();
      if (done) return { learned: value, rows };
      if (value.kind === "heard") bar.update(value.rows, value.of);
      else if (value.kind === "note") complain(value.text);
      else if (value.kind === "step") line.update(value.line, metric);
      else if (value.kind === "unheard") {
        const { data, row, reason } = value;
        complain(`${data}: row ${row}: ${reason}`);
        skipped.push({ data, row, reason });
      } else {
        rows = value.lessons;
        bar[Symbol.dispose]();
        begin();
        note(`${value.step > 0 ? `step ${value.step} of ${steps} is done; ` : ""}learning from ${rows} rows`);
      }
    }
  } catch (error) {
    if (error instanceof Interrupted && rows > 0) note(`the run is kept in ${out}; go on with --resume`);
    throw error;
  }
}
