import { EXIT, Interrupted } from "./errors.ts";
import { complain, note } from "./terminal.ts";

const GRACE = 1000; // ms in which an interrupted command may end by itself; a software adapter takes longer for a prompt

/**
 * Runs `use`, whose signal aborts on Ctrl-C; the second one ends the process at once.
 *
 * @param finishes what `use` still does after Ctrl-C, for as long as it takes; nothing, if undefined
 * @throws Interrupted, and whatever `use` throws
 */
export async function interruptible<T>(
  use: (signal: AbortSignal) => Promise<T>,
  finishes: () => string | undefined = () => undefined,
): Promise<T> {
  const interrupt = new AbortController();
  const leave = () => {
    complain("interrupted");
    process.exit(EXIT.interrupted);
  };
  const onSignal = () => {
    if (interrupt.signal.aborted) leave();
    interrupt.abort(new Interrupted());
    const last = finishes();
    if (last) note(`interrupted: ${last}; once more to leave at once`);
    else setTimeout(leave, GRACE).unref();
  };
  process.on("SIGINT", onSignal);
  try {
    return await use(interrupt.signal);
  } finally {
    process.off("SIGINT", onSignal);
  }
}
