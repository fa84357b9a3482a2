import type { LlamaConfig } from "../model/llama.ts";
import type { Qwen2Config } from "../model/qwen2.ts";
import type { SalmonnConfig } from "../model/salmonn-config.ts";
import type { WhisperConfig } from "../model/whisper.ts";
import { headMap } from "./head-map.ts";
import type { MaskReport, Report, TensorsReport } from "./inspect.ts";
import type { CheckpointReport } from "./inspect-checkpoint.ts";
import { columns, megabytes, painter, pairs, printable } from "./terminal.ts";

type Row = readonly [name: string, value: string];

/** A report for a person. */
export function render(report: Report): string {
  const paint = painter(process.stdout);
  const title = paint("bold", printable(report.name));
  const map = report.kind === "mask" ? ["", ...headMap(report.map, columns(process.stdout), paint)] : [];
  return `${[title, ...lines(report).map(printable), ...map].join("\n")}\n`;
}

function lines(report: Report): string[] {
  if (report.kind === "checkpoint") return pairs(checkpoint(report));
  return report.kind === "mask" ? pairs(mask(report)) : tensors(report);
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

function config(c: NonNullable<CheckpointReport["config"]>): Row[] {
  return "speech" in c ? salmonn(c) : [["audio", whisper(c.audio)], ...decoder(c.text)];
}

function salmonn({ speech, audio, qformer, window, lora, text }: SalmonnConfig): Row[] {
  return [
    ["speech", `Whisper, ${whisper(speech)}`],
    ["audio", `BEATs, ${layers(audio)}, width ${audio.width}`],
    ["Q-Former", `${layers(qformer)}, width ${qformer.width}, windows of ${window} frames`],
    ...decoder(text),
    ["LoRA", lora ? `rank ${lora.rank}, alpha ${lora.alpha}` : "none"],
  ];
}

const layers = (c: { layers: number; heads: number }) => `${c.layers} layers × ${c.heads} heads`;

function whisper(c: WhisperConfig): string {
  const window = (2 * c.positions) / 100; // two frames of 10 ms a position
  return `${layers(c)}, width ${c.width}, ${c.mels} mel bins, ${window} s`;
}

function decoder(c: Qwen2Config | LlamaConfig): Row[] {
  const kv = c.kvHeads === c.heads ? "" : `, ${c.kvHeads} key/value heads`;
  return [
    ["text", `${layers(c)}${kv}, width ${c.width}, feed-forward ${c.ffn}`],
    ["vocabulary", `${c.vocab} tokens, ${c.maxPositions} positions`],
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
