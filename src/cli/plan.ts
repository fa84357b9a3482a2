import { totalmem } from "node:os";
import { Command, Option } from "commander";
import type { DType } from "../gpu/index.ts";
import { ConfigError } from "../model/fields.ts";
import { type ModelPlan, planModel, refusal } from "../tasks/plan.ts";
import { longestClip, type Sizes } from "../tasks/rehearse.ts";
import { diagnose } from "./doctor.ts";
import { EXIT } from "./errors.ts";
import type { Machine } from "./machine.ts";
import { whole } from "./numbers.ts";
import { render } from "./plan-render.ts";
import { findSubject, type PlannedFile, type Subject } from "./plan-subject.ts";
import { megabytes } from "./terminal.ts";

interface PlanOptions {
  readonly model: string;
  readonly dtype?: DType;
  readonly tokens?: number;
  readonly json?: boolean;
}

/** What this machine says to it. */
export interface AdapterPlan {
  readonly name: string;
  readonly kind: "GPU" | "software";
  /** maxBufferSize. */
  readonly bufferBytes: number;
  /** maxStorageBufferBindingSize. */
  readonly bindingBytes: number;
  /** `null` where nothing tells: WebGPU keeps a GPU's memory to itself. */
  readonly memoryBytes: number | null;
  /** Why the model does not run here; `null` when nothing speaks against it. */
  readonly refusal: string | null;
}

/** What `plan --json` prints. */
export interface PlanDocument extends ModelPlan {
  readonly model: string;
  readonly family: string;
  /** Of the decoder. */
  readonly layers: number;
  readonly heads: number;
  /** What is planned for. */
  readonly sizes: Sizes;
  readonly files: readonly PlannedFile[];
  /** `null` when none was found; `noAdapter` then says why. */
  readonly adapter: AdapterPlan | null;
  readonly noAdapter?: string;
}

const HELP = `
Examples:
  ahamask plan --model salmonn-13b
  ahamask plan --model qwen2-audio-7b --dtype f16 --tokens 512
  ahamask plan --model https://huggingface.co/Qwen/Qwen2-Audio-7B-Instruct
  ahamask plan --model DIR --json

Planned for: the longest clip that the model hears, 64 tokens of text, and an
answer with the beams and the length of the model's config (else of 256
tokens). No GPU is needed: the engine's own code runs over a device that only
counts. Of files only the headers are read.

Exact are the bytes of weights, and of what the engine allocates for these
sizes: its buffers come in steps of an eighth of a power of two. Not known are
what a driver takes besides, and how much memory a GPU has, which WebGPU does
not tell. A binding of 128 MiB is what every adapter has. Learning is planned
with --keep-mib 0 and one clip at a time. A file's size after > is that of its
tensors, to which its header comes.

Exit codes: 0 this adapter can run it, or there is none to ask; 1 it cannot,
or the model cannot be read; 2 bad usage.`;

/** `ahamask plan`: what a model needs, before it is downloaded. */
export function planCommand(): Command {
  return new Command("plan")
    .description("say what memory, limits and download a model needs, and whether it runs here")
    .requiredOption(
      "--model <dir|url|name>",
      "a model's folder, a SALMONN .yaml, a URL, salmonn-13b or qwen2-audio-7b",
    )
    .addOption(
      new Option("--dtype <type>", "as if converted to this type (default: as published)").choices([
        "f32",
        "f16",
        "bf16",
      ]),
    )
    .option("--tokens <n>", "most tokens of an answer (default: the config's)", whole(1))
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action(async (options: PlanOptions) => {
      const document = await plan(options);
      process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : render(document));
      if (document.adapter?.refusal) process.exitCode = EXIT.failed;
    });
}

async function plan({ model, dtype, tokens }: PlanOptions): Promise<PlanDocument> {
  const subject = await findSubject(model, dtype);
  const { blueprint: b, storage, files, name } = subject;
  const sizes = sizesOf(subject, tokens);
  const machine = await diagnose();
  const planned = await planModel(b, storage, sizes);
  const adapter = await askAdapter(machine, subject, sizes, planned);
  return {
    model: name,
    family: b.family,
    layers: b.text.layers,
    heads: b.text.heads,
    sizes,
    ...planned,
    files,
    adapter,
    ...(machine.error !== undefined && { noAdapter: machine.error }),
  };
}

function sizesOf({ blueprint: b }: Subject, tokens: number | undefined): Sizes {
  const sizes = longestClip(b);
  const room = b.text.maxPositions - sizes.audioTokens - sizes.textTokens;
  if (tokens === undefined || tokens <= room) return { ...sizes, newTokens: tokens ?? sizes.newTokens };
  throw new ConfigError(
    `plan: expected at most ${room} --tokens, which with the clip's ${sizes.audioTokens} and ${sizes.textTokens} of text ` +
      `fill the model's ${b.text.maxPositions} positions, got ${tokens}`,
  );
}

async function askAdapter(
  { adapter, limits }: Machine,
  { blueprint: b, storage }: Subject,
  sizes: Sizes,
  { memory }: ModelPlan,
): Promise<AdapterPlan | null> {
  if (!adapter) return null;
  const software = adapter.kind === "software";
  const bufferBytes = limits.maxBufferSize!;
  const bindingBytes = limits.maxStorageBufferBindingSize!;
  const workgroupBytes = limits.maxComputeWorkgroupStorageSize!;
  const memoryBytes = software ? totalmem() : null; // the CPU plays the GPU, in this machine's memory
  const allowed = { bufferBytes, bindingBytes, workgroupBytes, software };
  const short =
    memoryBytes !== null && memoryBytes < memory.most
      ? `expected ${megabytes(memory.most)} of memory, got ${megabytes(memoryBytes)} in this machine`
      : null;
  return {
    name: adapter.description || adapter.device,
    kind: adapter.kind,
    bufferBytes,
    bindingBytes,
    memoryBytes,
    refusal: (await refusal(b, storage, sizes, allowed)) ?? short,
  };
}
