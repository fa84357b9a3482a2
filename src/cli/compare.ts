import { Command } from "commander";
import { readFile } from "#files";
import { compareResults } from "../experiments/compare.ts";
import { parseResults, type Results } from "../experiments/results.ts";
import { decodeText } from "../io/source.ts";
import { renderComparison } from "./experiment-render.ts";
import { complain } from "./terminal.ts";

const HELP = `
Examples:
  ahamask compare before/single/results.json after/single/results.json

A score changed beyond noise if the 95 % bootstrap interval of its difference,
the same clips drawn in both files, leaves out 0.

Exit codes: 0 fine, whatever changed, 1 failed, 2 bad usage.`;

/** `ahamask compare`: what changed between two result files. */
export function compareCommand(): Command {
  return new Command("compare")
    .description("say what changed between two results of an experiment, beyond noise")
    .argument("<a>", "results.json of one run")
    .argument("<b>", "and of another")
    .option("--json", "print one JSON document")
    .addHelpText("after", HELP)
    .action(async (a: string, b: string, { json }: { json?: boolean }) => {
      const [before, after] = [await read(a), await read(b)];
      if (before.name !== after.name)
        complain(
          `${a} is of experiment ${before.name}, ${b} of ${after.name}: only what both have is compared`,
        );
      const comparison = compareResults(before, after);
      process.stdout.write(json ? `${JSON.stringify(comparison, null, 2)}\n` : renderComparison(comparison));
    });
}

const read = async (path: string): Promise<Results> =>
  parseResults(decodeText(path, await readFile(path)), path);
