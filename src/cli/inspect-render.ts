import type { Qwen2AudioConfig } from "../model/qwen2-audio.ts";
import type { MaskReport, Report, TensorsReport } from "./inspect.ts";
import type { CheckpointReport } from "./inspect-checkpoint.ts";
import { columns, megabytes, painter, pairs, printable } from "./terminal.ts";

type Row = readonly [name: string, value: string];

/** A report for a person. */
export function render(report: Report): string {
  const title = painter(process.stdout)("bold", printable(report.name));
  return `${[title, ...lines(report).map(printable)].join("\n")}\n`;
}

function lines(report: Report): string[] {
  if (report.kind === "checkpoint") return pairs(checkpoint(report));
  return report.kind === "mask" ? [...pairs(mask(report)), "", ...map(report)] : tensors(report);
}

function checkpoint(r: CheckpointReport): Row[] {
  const weights = Object.entries(r.bytes).map(([dtype, bytes]) => `${dtype} ${megabytes(bytes)}`);
  const [first, ...others] = r.files.map(({ name, bytes }) => `${name} (${megabytes(bytes)})`);
  return [
    ["family", r.config ? r.family : `${r.family} (this engine has no such family)`],
    ...(r.config ? config(r.config) : []),
    ["parameters", `${(r.parameters / 1e6).toFixed(1)} million in ${r.tensors} tensors`],
    ["weights", weights.join(", ")],
    ["files", first ?? "none"],
    ...others.map((file): Row => ["", file]),
    ["fingerprint", r.fingerprint],
    ...(r.mask ? [["head mask", size(r.mask.layers, r.mask.heads, r.mask.bytes)] as const] : []),
  ];
}

const size = (layers: number, heads: number, bytes: number) =>
  `${layers} layers × ${heads} heads, ${bytes} bytes`;

function config({ audio, text }: Qwen2AudioConfig): Row[] {
  const window = (2 * audio.positions) / 100; // two frames of 10 ms a position
  const kv = text.kvHeads === text.heads ? "" : `, ${text.kvHeads} key/value heads`;
  return [
    [
      "audio",
      `${audio.layers} layers × ${audio.heads} heads, width ${audio.width}, ${audio.mels} mel bins, ${window} s`,
    ],
    [
      "text",
      `${text.layers} layers × ${text.heads} heads${kv}, width ${text.width}, feed-forward ${text.ffn}`,
    ],
    ["vocabulary", `${text.vocab} tokens, ${text.maxPositions} positions`],
  ];
}

function mask(r: MaskReport): Row[] {
  return [
    ["heads", `${r.on} of ${r.layers * r.heads} on`],
    ["size", size(r.layers, r.heads, r.bytes)],
    ...Object.entries(r.metadata),
    ...(r.metadata.fingerprint ? [] : [["fingerprint", "none: it may be of any model of its size"] as const]),
  ];
}

/** The mask's map [L, H]: a ruler of head numbers, then a row a layer. */
function map({ layers, heads, map }: MaskReport): string[] {
  const label = `${layers - 1}`.length;
  const gap = label + 2 * heads + 16 <= columns(process.stdout) ? " " : "";
  const margin = " ".repeat("  layer ".length + label + 2);
  const digits = (of: (head: number) => string) =>
    (margin + Array.from({ length: heads }, (_, head) => of(head)).join(gap)).trimEnd();
  const tens = digits((head) => (head >= 10 && head % 10 === 0 ? `${Math.floor(head / 10) % 10}` : " "));
  const rows = map.map((gates, layer) => {
    const on = gates.reduce((sum, gate) => sum + gate, 0);
    const row = gates.map((gate) => (gate ? "■" : "·")).join(gap);
    return `  layer ${`${layer}`.padStart(label)}  ${row}  ${`${on}`.padStart(`${heads}`.length)}`;
  });
  const ruler = digits((head) => `${head % 10}`);
  const head = `  head${ruler.slice("  head".length)}`;
  return heads > 10 ? [tens, head, ...rows] : [head, ...rows];
}

function tensors({ tensors, metadata }: TensorsReport): string[] {
  const cells = tensors.map((t) => [t.name, t.dtype, `[${t.shape.join(", ")}]`, megabytes(t.bytes)] as const);
  const width = (column: 0 | 1 | 2 | 3) => Math.max(...cells.map((cell) => cell[column].length));
  const rows = cells.map(
    ([name, dtype, shape, bytes]) =>
      `  ${name.padEnd(width(0))}  ${dtype.padEnd(width(1))}  ${shape.padEnd(width(2))}  ${bytes.padStart(width(3))}`,
  );
  const all = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    ...pairs([...Object.entries(metadata), ["tensors", `${tensors.length}, ${megabytes(all)}`]]),
    "",
    ...rows,
  ];
}
