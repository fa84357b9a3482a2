import { SAMPLE_RATE } from "../audio/load.ts";
import type { PlanDocument } from "./plan.ts";
import type { PlannedFile } from "./plan-subject.ts";
import { binary, columns, megabytes, painter, printable, wrap } from "./terminal.ts";

type Row = readonly string[];

/** A plan for a person: a table for each thing that a model needs, then whether it runs here. */
export function render(d: PlanDocument): string {
  const paint = painter(process.stdout);
  const width = columns(process.stdout);
  const section = (head: Row, rows: readonly Row[]) => {
    const [first, ...others] = table(
      [head, ...rows.map(([name, ...cells]) => [`  ${name}`, ...cells])],
      width,
    );
    return ["", paint("bold", first!), ...others];
  };
  const prose = (text: string) => wrap(text, width - 2).map((line) => `  ${line}`);
  const lines = [
    paint("bold", printable(d.model)),
    ...prose(`${d.family}, ${d.layers} layers × ${d.heads} heads`),
    ...prose(question(d)),
    ...section(["Weights", "type", "millions", "bytes, in files", "on the GPU", "allocated"], weights(d)),
    ...section(["Download", "bytes needed", "of the file"], downloads(d)),
    ...section(["GPU memory, allocated", "bytes", ""], memory(d)),
    ...section(["Limits", "bytes needed", "", ...(d.adapter ? ["here"] : [])], limits(d)),
    ...(d.limits.split.length
      ? section([boundAt(d), "how many", "bytes of each", "bindings"], split(d))
      : []),
    "",
    ...verdict(d).flatMap(([style, text]) => wrap(printable(text), width).map((line) => paint(style, line))),
    paint("dim", "Memory is exact, for one clip at a time; a driver takes some besides."),
  ];
  return `${lines.join("\n")}\n`;
}

/** Names to the left, cut where they are too long for the screen; figures to the right. */
function table(rows: readonly Row[], width: number): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)));
  const figures = sum(widths.slice(1)) + 2 * (widths.length - 1);
  const names = Math.min(widths[0]!, Math.max(width - figures, 20));
  return rows.map(([name = "", ...cells]) => {
    const short = name.length > names ? `${name.slice(0, names - 1)}…` : name;
    const figure = (cell: string, i: number) => cell.padStart(widths[i + 1]!);
    return [printable(short).padEnd(names), ...cells.map(figure)].join("  ").trimEnd();
  });
}

function question({ sizes }: PlanDocument): string {
  const { samples, audioTokens, textTokens, newTokens, beams } = sizes;
  return (
    `for a clip of ${samples / SAMPLE_RATE} s (${audioTokens} tokens), ${textTokens} tokens of text, ` +
    `and an answer of at most ${newTokens}${beams > 1 ? `, of ${beams} beams` : ""}`
  );
}

function weights({ parts }: PlanDocument): Row[] {
  const row = (name: string, type: string, of: readonly PlanDocument["parts"][number][]): Row => [
    name,
    type,
    (sum(of.map((part) => part.parameters)) / 1e6).toFixed(1),
    exact(sum(of.map((part) => part.storedBytes))),
    exact(sum(of.map((part) => part.bytes))),
    megabytes(sum(of.map((part) => part.allocatedBytes))),
  ];
  return [...parts.map((part) => row(part.name, part.dtype, [part])), row("in all", "", parts)];
}

function downloads({ files }: PlanDocument): Row[] {
  const row = (name: string, of: readonly PlannedFile[]): Row => {
    const atLeast = of.some(({ bytes }) => bytes === null) ? "> " : ""; // a header comes on top of the tensors
    const known = of.filter(({ neededBytes }) => neededBytes !== null);
    if (known.length === 0) return [name, "not known", "not known"];
    const whole = sum(known.map(({ bytes, tensorBytes }) => bytes ?? tensorBytes ?? 0));
    return [name, exact(sum(known.map(({ neededBytes }) => neededBytes ?? 0))), `${atLeast}${exact(whole)}`];
  };
  const rows = files.map((file) => row(file.name, [file]));
  return files.length > 1 ? [...rows, row("in all", files)] : rows;
}

function memory({ memory: m }: PlanDocument): Row[] {
  const row = (name: string, bytes: number): Row => [name, exact(bytes), megabytes(bytes)];
  return [
    row("weights", m.weights),
    row("+ hearing the clip", m.encode),
    row("+ keys and values", m.cache),
    row("+ the prompt and a token", m.answer),
    row("most at a time, answering", m.most),
    row("most, learning from one clip", m.learn),
  ];
}

function limits({ limits: l, adapter }: PlanDocument): Row[] {
  const row = (name: string, needed: number, here: number | undefined): Row => [
    name,
    exact(needed),
    binary(needed),
    ...(here === undefined ? [] : [binary(here)]),
  ];
  return [
    row("maxBufferSize", l.bufferBytes, adapter?.bufferBytes),
    row("maxStorageBufferBindingSize", l.bindingBytes, adapter?.bindingBytes),
  ];
}

const boundAt = ({ limits }: PlanDocument): string => `Bound in parts, at ${binary(limits.bindingBytes)}`;

/** Weights larger than the binding that is needed. */
const split = ({ limits }: PlanDocument): Row[] =>
  limits.split.map(({ name, count, bytes, bindings }) => [name, `${count}`, exact(bytes), `${bindings}`]);

function verdict({
  adapter,
  noAdapter,
  memory: { most },
}: PlanDocument): ["red" | "green" | "yellow", string][] {
  if (!adapter) return [["yellow", `No adapter was found here: ${noAdapter ?? "no reason given"}`]];
  const name = `${adapter.name}${adapter.kind === "software" ? " (software)" : ""}`;
  if (adapter.refusal) return [["red", `${name} cannot run it: ${adapter.refusal}`]];
  const condition = adapter.memoryBytes === null ? ` if it has ${megabytes(most)} of memory to spare` : "";
  return [["green", `${name} can run it${condition}.`]];
}

const exact = (bytes: number): string => bytes.toLocaleString("en-US");
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
