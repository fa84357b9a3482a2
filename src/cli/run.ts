import { Command } from "commander";
import { fileSource, readFile } from "#files";
import type { AnswerOptions } from "../index.ts";
import { type Answered, type Failed, FileAnswerer } from "./answer-files.ts";
import { type Engine, loadWithProgress, withEngine } from "./engine.ts";
import { EXIT } from "./errors.ts";
import { real, whole } from "./numbers.ts";
import { complain, note, Progress, painter, printable, Waiting } from "./terminal.ts";

type Settings = Pick<
  AnswerOptions,
  "beams" | "maxNewTokens" | "minNewTokens" | "temperature" | "topK" | "topP" | "seed" | "repetitionPenalty"
>;

interface RunOptions extends Settings {
  readonly model: string;
  readonly audio: readonly string[];
  readonly prompt?: string;
  readonly mask?: string;
  readonly mergeLora?: boolean;
  readonly json?: boolean;
}

/** What `run --json` prints. */
export interface RunDocument {
  readonly model: string;
  readonly adapter: string;
  /** In the order of the files. */
  readonly results: readonly (Answered | Failed)[];
}

const HELP = `
Examples:
  ahamask run --model DIR --audio clip.flac --prompt "transcribe the speech"
  ahamask run --model DIR --audio clip.flac --mask gender.safetensors
  ahamask run --model https://huggingface.co/Qwen/Qwen2-Audio-7B-Instruct \\
              --audio *.mp3 --prompt "What is it?" --json

One file's answer is printed as it comes; of several, each gets a line with
its name. Notes go to stderr.

--json prints {"model", "adapter", "results": [{"audio", "prompt", "mask",
"text", "tokens", "ms"}]}. "mask" is the mask's file or null; a file that
failed has "error" instead of "text", "tokens" and "ms". In "ms" are
milliseconds:
  audio       to read and decode the file
  firstToken  then to the first token: the audio encoder and the prompt
              (with --beams the whole answer)
  decode      from the first token to the last
  total       the sum
Files are answered 8 at a time, and a batch shares the time of its steps.

Exit codes: 0 fine, 1 something failed (other files are answered all the
same), 2 bad usage, 130 interrupted.`;

export function runCommand(): Command {
  return new Command("run")
    .description("answer about sound files: with an instruction, a mask, both or neither")
    .requiredOption(
      "--model <dir|url>",
      "the model: a Hugging Face folder, a SALMONN .yaml, or the URL of one",
    )
    .requiredOption("--audio <file...>", "sound files (WAV, FLAC, MP3, Ogg Vorbis)")
    .option("--prompt <text>", "the instruction (default: none)")
    .option("--mask <file>", "a head mask: safetensors, a published .pth, or bare bits")
    .option("--beams <n>", "beam search with n beams", whole(1))
    .option("--max-new-tokens <n>", "most tokens of an answer (default: the model's)", whole(1))
    .option("--min-new-tokens <n>", "fewest tokens of an answer", whole(0))
    .option(
      "--temperature <x>",
      "sample; 0 takes the likeliest token",
      real("a number of at least 0", (x) => x >= 0),
    )
    .option("--top-k <n>", "sample among the n likeliest tokens; 0 is all", whole(0))
    .option(
      "--top-p <x>",
      "sample among those that make up this probability",
      real("a number above 0 and at most 1", (x) => x > 0 && x <= 1),
    )
    .option("--seed <n>", "of the sampling (default: 0)", whole(0, 2 ** 32 - 1))
    .option(
      "--repetition-penalty <x>",
      "above 1: make what was said less likely",
      real("a number above 0", (x) => x > 0),
    )
    .option("--merge-lora", "merge a LoRA into the weights: fewer products, rounded to the weights' type")
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action(async (options: RunOptions, command: Command) => {
      const conflict = contradiction(options);
      if (conflict) command.error(`error: ${conflict}`);
      await run(options);
    });
}

/** Options that would be ignored or cannot go together. */
function contradiction(o: RunOptions): string | undefined {
  const sampling = (["topK", "topP", "seed"] as const).find((name) => o[name] !== undefined);
  const flags = { topK: "--top-k", topP: "--top-p", seed: "--seed" };
  if (sampling && !o.temperature) return `${flags[sampling]} is of no use without --temperature above 0`;
  if ((o.beams ?? 1) > 1 && o.temperature) return "--beams and --temperature exclude each other; choose one";
  if ((o.minNewTokens ?? 0) > (o.maxNewTokens ?? Infinity)) {
    return `--min-new-tokens ${o.minNewTokens} is more than --max-new-tokens ${o.maxNewTokens}`;
  }
  return undefined;
}

async function run(options: RunOptions): Promise<void> {
  // What is not there is said before gigabytes are loaded.
  const bits = options.mask === undefined ? undefined : await readFile(options.mask);
  await findOne(options.audio);
  const document = await withEngine((engine) => answerAll(engine, options, bits));
  if (options.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  if (document.results.some((result) => "error" in result)) process.exitCode = EXIT.failed;
}

/** Throws what is wrong with the first file when none can be opened; some may fail without holding up the others. */
async function findOne(paths: readonly string[]): Promise<void> {
  const reasons: unknown[] = [];
  for (const path of paths) {
    try {
      return await (await fileSource(path)).close();
    } catch (error) {
      reasons.push(error);
    }
  }
  throw reasons[0];
}

async function answerAll(engine: Engine, o: RunOptions, bits: Uint8Array | undefined): Promise<RunDocument> {
  const { ahamask, adapter, signal } = engine;
  note(`on ${adapter}`);
  using model = await loadWithProgress(engine, o.model, o.mergeLora ? "merge" : "beside");
  const mask = bits && (await ahamask.readMask(bits, o.mask!, model));
  mask?.check(model);

  const alone = o.audio.length === 1 && !o.json;
  using waiting = alone ? new Waiting("Listening") : undefined;
  let streaming = false;
  const later: string[] = []; // notes that would break into the answer's line
  const onText = (piece: string) => {
    waiting?.stop();
    streaming = true;
    process.stdout.write(safe(piece));
  };
  const made = { tokens: 0, ms: 0 };
  const answerer = new FileAnswerer(
    ahamask,
    model,
    { prompt: o.prompt ?? "", mask, maskName: o.mask ?? null },
    { ...generation(o), signal },
    {
      note: (text) => (streaming ? later.push(text) : note(text)),
      ...(alone && { text: onText }),
      batch(tokens, ms) {
        made.tokens += tokens;
        made.ms += ms;
      },
    },
  );
  const results: (Answered | Failed)[] = [];
  using bar = o.json || !process.stdout.isTTY ? new Progress("Answering", String) : undefined;
  for await (const result of answerer.answer(o.audio)) {
    results.push(result);
    bar?.update(results.length, o.audio.length);
    if ("error" in result) complain(result.error);
    else if (alone) process.stdout.write("\n");
    else if (!o.json) process.stdout.write(line(result));
    later.splice(0).forEach(note);
  }
  if (made.tokens) note(summary(results, made));
  return { model: o.model, adapter, results };
}

/** One of several answers: on a line, whatever the model wrote. */
const line = ({ audio, text }: Answered) =>
  `${painter(process.stdout)("bold", safe(audio))}: ${safe(text.replace(/\s*\n\s*/g, " "))}\n`;

/** The text as it is, but for what could steer a terminal. */
const safe = (text: string) => (process.stdout.isTTY ? printable(text) : text);

/** The generation's settings alone; what was not said is the model's to choose. */
function generation(o: RunOptions): Settings {
  const { beams, maxNewTokens, minNewTokens, temperature, topK, topP, seed, repetitionPenalty } = o;
  const all = { beams, maxNewTokens, minNewTokens, temperature, topK, topP, seed, repetitionPenalty };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function summary(
  results: readonly (Answered | Failed)[],
  { tokens, ms }: { tokens: number; ms: number },
): string {
  const answered = results.filter((result) => "ms" in result);
  const first = answered[0]!.ms.firstToken;
  const audio = answered.reduce((sum, result) => sum + result.ms.audio, 0);
  const rate = (tokens / ms) * 1000;
  return (
    `${tokens} tokens in ${seconds(ms)}, ${rate.toFixed(1)} tokens/s, ` +
    `first after ${seconds(first)}; audio ${seconds(audio)}`
  );
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
