import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { compareCommand } from "./compare.ts";
import { convertCommand } from "./convert.ts";
import { demoCommand } from "./demo.ts";
import { doctorCommand } from "./doctor.ts";
import { report } from "./errors.ts";
import { evalCommand } from "./eval.ts";
import { experimentCommand } from "./experiment.ts";
import { inspectCommand } from "./inspect.ts";
import { learnCommand } from "./learn.ts";
import { maskCommand } from "./mask.ts";
import { packageRoot } from "./package-root.ts";
import { planCommand } from "./plan.ts";
import { runCommand } from "./run.ts";

const HELP = `
Examples:
  ahamask demo
  ahamask run --model DIR --audio a.flac --prompt "transcribe the speech"
  ahamask run --model DIR --audio *.wav --mask asr.safetensors --json
  ahamask eval --model DIR --data asr.jsonl --mask asr.safetensors
  ahamask learn --model DIR --data asr.jsonl --out runs/asr
  ahamask experiment all --model DIR --data study.json --out results
  ahamask plan --model salmonn-13b
  ahamask inspect asr.safetensors
  ahamask mask compare asr.safetensors gender.safetensors
  ahamask convert DIR --out safe/ --dtype bf16
  ahamask doctor

Environment:
  AHAMASK_ADAPTER  gpu, lavapipe or swiftshader: use this adapter or fail
  AHAMASK_DEBUG    1: show where an error comes from
  NO_COLOR         any value: no colours

Exit codes: 0 fine, 1 failed, 2 bad usage, 130 interrupted.`;

/** `ahamask …`: runs one command; failures are said on stderr and become `process.exitCode`. */
export async function ahamask(args: readonly string[]): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8"));
  const program = new Command("ahamask")
    .description("Audio language models on WebGPU, steered by a mask over their attention heads.")
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "ahamask: ")) })
    .addHelpText("after", HELP);
  for (const command of [
    runCommand(),
    evalCommand(),
    learnCommand(),
    experimentCommand(),
    compareCommand(),
    planCommand(),
    inspectCommand(),
    maskCommand(),
    convertCommand(),
    demoCommand(),
    doctorCommand(),
  ]) {
    program.addCommand(inherit(command, program));
  }
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** What commands that come from files of their own would not have of their parent: how errors are said and ended. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(child, command);
  return command;
}
