/** The page of a test file: runs it in a worker and gathers what it prints, for the run that waits for `outcome`. */
export {};

declare global {
  /** What was printed so far. */
  var printed: string;
  var outcome: Promise<{ readonly output: string; readonly ok: boolean; readonly end: string }>;
}

globalThis.printed = "";
globalThis.outcome = new Promise((resolve) => {
  const worker = new Worker(`/test/browser/worker.ts${location.search}`, { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<{ print: string } | { ok: boolean }>) => {
    if ("print" in data) printed += data.print;
    else resolve({ output: printed, ok: data.ok, end: "" });
  };
  worker.onerror = ({ message }) =>
    resolve({ output: printed + (message ?? "the worker did not start"), ok: false, end: "worker crashed" });
});
