import util from "node:util";

/** Passed and failed tests of one file, out of what uvu printed; a file that crashed or ran no test has failed. */
export function tally(output: string, ok: boolean): { passed: number; failed: number } {
  const text = util.stripVTControlCharacters(output);
  const sum = (label: string) =>
    [...text.matchAll(new RegExp(`^\\s+${label}:\\s+(\\d+)$`, "gm"))].reduce(
      (n, match) => n + Number(match[1]),
      0,
    );
  const passed = sum("Passed");
  const failed = sum("Total") - passed + sum("Skipped");
  return { passed, failed: failed || (ok && passed ? 0 : 1) };
}
