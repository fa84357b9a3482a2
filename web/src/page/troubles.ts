/** Errors in words: what happened, and what to do about it. */
import { type Trouble, troubles } from "./state.ts";

let last = 0;

export function tell(trouble: Omit<Trouble, "key">): number {
  const same = troubles.value.filter(({ title, text }) => title !== trouble.title || text !== trouble.text);
  troubles.value = [...same, { ...trouble, key: ++last }];
  return last;
}

export function dismiss(key: number): void {
  troubles.value = troubles.value.filter((trouble) => trouble.key !== key);
}

/** Runs `act`; what it throws is told under `title`, but for what was aborted. */
export async function attempt<T>(title: string, act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    report(title, error);
    return undefined;
  }
}

/** @param otherwise the remedy, if the error has none */
export function report(title: string, error: unknown, otherwise?: string): void {
  if (isAbort(error)) return;
  tell({ kind: "error", ...(otherwise && { remedy: otherwise }), ...inWords(title, error) });
}

export const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

/** Errors of browsers, which name a cause but no remedy; those of the library read `op: expected …, got …; remedy`. */
const REMEDIES: Readonly<Record<string, readonly [title: string, remedy: string]>> = {
  QuotaExceededError: [
    "The browser keeps no more for this page",
    "Forget a model or a run below, or free space on this machine, and try again.",
  ],
};

/** What happened, and the remedy where the message has one. */
export function inWords(title: string, error: unknown): Pick<Trouble, "title" | "text" | "remedy"> {
  const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
  const known = REMEDIES[name];
  if (known) return { title: known[0], text: message, remedy: known[1] };
  const at = message.indexOf("; ");
  if (at < 0) return { title, text: message };
  return { title, text: message.slice(0, at), remedy: sentence(message.slice(at + 2)) };
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?)]$/.test(begun) ? begun : `${begun}.`;
}
