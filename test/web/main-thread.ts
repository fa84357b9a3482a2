import type { Browser, Page } from "playwright-core";
import * as assert from "uvu/assert";

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number; // µs
  readonly dur?: number;
  readonly tdur?: number; // µs of CPU time
  readonly args?: { readonly name?: string };
}

const LONG = 50; // ms, the web's own measure of a task that holds a page up

/** Fails where a task of the page's main thread takes over 50 ms of CPU while `act` runs. */
export async function expectNoLongTask(
  browser: Browser,
  page: Page,
  act: () => Promise<void>,
): Promise<void> {
  const tasks = await mainThreadTasks(browser, page, act);
  assert.ok(tasks.length > 20, `expected the trace to hold the page's tasks, got ${tasks.length}`);
  assert.equal(
    tasks.filter((ms) => ms > LONG),
    [],
  );
}

/**
 * CPU milliseconds of each task of the page's main thread while `act` runs, the longest first; those by which the test itself
 * speaks to the page are left out. CPU time, not the clock's: a software GPU and other tests hold the cores, and a task that
 * waits for one is not at fault.
 */
export async function mainThreadTasks(
  browser: Browser,
  page: Page,
  act: () => Promise<void>,
): Promise<number[]> {
  await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline"] });
  await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: TraceEvent[];
  };
  const named = traceEvents.find(
    ({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain",
  );
  const events = traceEvents.filter(
    ({ ph, pid, tid }) => ph === "X" && pid === named?.pid && tid === named.tid,
  );
  const ours = events.filter((event) => JSON.stringify(event.args ?? {}).includes("DevToolsSession"));
  return events
    .filter(({ name }) => name === "ThreadControllerImpl::RunTask")
    .filter(({ ts, dur = 0 }) => !ours.some((event) => event.ts >= ts && event.ts <= ts + dur))
    .map(({ tdur = 0 }) => tdur / 1000)
    .sort((a, b) => b - a);
}
