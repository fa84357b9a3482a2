import type { CommanderError } from "commander";
import { complain } from "./terminal.ts";

/** The exit codes, as `--help` lists them. */
export const EXIT = { fine: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The user pressed Ctrl-C. */
export class Interrupted extends Error {
  override name = "Interrupted";
  constructor() {
    super("interrupted");
  }
}

/** A failure as a person reads it. Names that JavaScript itself gives mean a bug of ours, unless it says otherwise. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return `internal: ${String(error)}`;
  if (process.env.AHAMASK_DEBUG) return error.stack ?? error.message;
  const bug = ["Error", "TypeError", "ReferenceError", "SyntaxError"].includes(error.name);
  if (!bug) return error.message;
  const message = error.message.startsWith("internal:") ? error.message : `internal: ${error.message}`;
  return `${message}; set AHAMASK_DEBUG=1 to see where, and report it`;
}

/** Says on stderr why the command ends, and gives its exit code. */
export function report(error: unknown): number {
  if (isCommander(error)) return error.exitCode === 0 ? EXIT.fine : EXIT.usage; // it has said why
  complain(explain(error));
  return error instanceof Interrupted ? EXIT.interrupted : EXIT.failed;
}

const isCommander = (error: unknown): error is CommanderError =>
  error instanceof Error && "code" in error && String(error.code).startsWith("commander.");
