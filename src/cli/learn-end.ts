import { join } from "node:path";
import type { AudioLanguageModel } from "../index.ts";
import type { Store } from "../io/store.ts";
import type { HeadMask } from "../mask/head-mask.ts";
import type { LogLine } from "../mask/run-state.ts";
import { curveSvg } from "../tasks/curve-svg.ts";
import type { BadRow } from "../tasks/dataset.ts";
import { headMapSvg } from "../tasks/head-map-svg.ts";
import type { Learned } from "../tasks/learn-run.ts";
import { headMap, headMapLegend } from "./head-map.ts";
import { duration } from "./learn-line.ts";
import type { LearnOptions } from "./learn-options.ts";
import { columns, painter, pairs } from "./terminal.ts";

/** A row that was left out, and of which data file. */
export type Skipped = BadRow & { readonly data: string };

/** What `learn --json` prints. */
export interface LearnDocument {
  readonly model: string;
  readonly fingerprint: string;
  readonly adapter: string;
  readonly data: string;
  readonly task: string | null;
  readonly prompt: string | null;
  readonly out: string;
  /** Rows learned from. */
  readonly rows: number;
  readonly skipped: readonly Skipped[];
  /** Steps done: fewer than asked for when patience ended the run. */
  readonly steps: number;
  /** Mean of the last 10 steps, in nats a token. */
  readonly loss: number;
  readonly heads: { readonly on: number; readonly of: number };
  readonly best: { readonly step: number; readonly metric: string; readonly value: number } | null;
  /** The mask's file: the best where there was validation, else the last. */
  readonly mask: string;
}

export function learnDocument(
  o: LearnOptions,
  adapter: string,
  { fingerprint, layers, heads }: AudioLanguageModel,
  { mask, best, state, log }: Learned,
  rows: number,
  skipped: readonly Skipped[],
): LearnDocument {
  const { metric = "exact" } = o;
  const last = log.slice(-10);
  return {
    model: o.model,
    fingerprint,
    adapter,
    data: o.data,
    task: mask.metadata.task ?? null,
    prompt: o.prompt ?? null,
    out: o.out,
    rows,
    skipped,
    steps: state.step,
    loss: last.reduce((sum, { loss }) => sum + loss, 0) / last.length,
    heads: { on: (best ?? mask).count, of: layers * heads },
    best: state.best ? { step: state.best.step, metric, value: state.best.value } : null,
    mask: join(o.out, best ? "best.safetensors" : "mask.safetensors"),
  };
}

/** The mask's map, final numbers, where the mask is, and how to use it. */
export function summary(d: LearnDocument, { log, mask, best = mask }: Learned): string {
  const ms = log.reduce((sum, line) => sum + line.ms, 0);
  const tokens = log.reduce((sum, line) => sum + line.tokens, 0);
  const rows = [
    ["steps", `${d.steps}, ${duration(ms)}, ${((1000 * tokens) / ms).toFixed(0)} tokens/s`],
    ["loss", `${d.loss.toFixed(3)} nats a token, over the last ${Math.min(log.length, 10)} steps`],
    ...(d.best
      ? [["best", `${d.best.metric} ${d.best.value.toFixed(2)} % after step ${d.best.step}`] as const]
      : []),
    ["mask", d.mask],
    ["use it", useCommand(d)],
  ] as const;
  const gates = rowsOf(best);
  const width = columns(process.stdout);
  const map = headMap(gates, width, painter(process.stdout));
  return `${[...map, headMapLegend(gates, width), "", ...pairs(rows)].join("\n")}\n`;
}

/** [L][H] of 1 (on) and 0. */
function rowsOf(mask: HeadMask): number[][] {
  const gates = [...mask.gates()];
  return Array.from({ length: mask.layers }, (_, l) => gates.slice(l * mask.heads, (l + 1) * mask.heads));
}

function useCommand({ model, mask, prompt }: LearnDocument): string {
  const asked = prompt === null ? "" : ` --prompt ${quoted(prompt)}`;
  return `ahamask run --model ${quoted(model)} --audio FILE --mask ${quoted(mask)}${asked}`;
}

/** A word of a shell's command. */
const quoted = (text: string) => (/^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** `heads.svg` and `loss.svg`. */
export async function writePictures(
  store: Store,
  { mask, best, log }: Learned,
  { data }: LearnOptions,
): Promise<void> {
  const kept = best ?? mask;
  const { layers, heads } = kept;
  const { task = data } = mask.metadata;
  const title = `Head mask for ${task}`;
  const map = headMapSvg({ layers, heads, on: kept.gates(), logits: kept.logits, title });
  const points = (of: (line: LogLine) => number) =>
    log.map((line) => [line.step, of(line)] as [number, number]);
  const curve = curveSvg({
    title: `Learning ${task}`,
    xLabel: "step",
    yLabel: "loss (nats a token)",
    rightLabel: "heads on",
    series: [
      { name: "loss", points: points(({ loss }) => loss) },
      { name: "heads on", points: points(({ on }) => on), axis: "right", dashed: true },
    ],
  });
  const encode = (text: string) => new TextEncoder().encode(text);
  await store.write("heads.svg", encode(map));
  await store.write("loss.svg", encode(curve));
}
