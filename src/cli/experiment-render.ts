import type { Change, Comparison } from "../experiments/compare.ts";
import { type Findings, shown, type Table, type TableCell } from "../experiments/findings.ts";
import { columns, painter, printable, wrap } from "./terminal.ts";

/** What an experiment found, for a terminal. */
export function render({ title, remarks, tables }: Findings): string {
  const paint = painter(process.stdout);
  const width = columns(process.stdout);
  const lines = [
    "",
    paint("bold", title),
    "",
    ...tables.flatMap((table) => [...renderTable(table, paint), ""]),
    ...remarks.flatMap((remark) =>
      wrap(remark, width - 2).map((line, i) => `${i === 0 ? "- " : "  "}${line}`),
    ),
    "",
  ];
  return `${lines.map(printable).join("\n")}\n`;
}

type Paint = ReturnType<typeof painter>;

const GAP = 2;

/** A table as columns of text; too wide a one is given record by record. */
function renderTable({ title, columns: names, rows, note }: Table, paint: Paint): string[] {
  const texts = rows.map((row) => row.map(text));
  const widths = names.map((name, i) => Math.max(name.length, ...texts.map((row) => row[i]!.length)));
  const fits = widths.reduce((sum, width) => sum + width + GAP, 0) <= columns(process.stdout);
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]! + GAP))
      .join("")
      .trimEnd();
  const body = fits
    ? [paint("dim", line(names)), ...texts.map(line)]
    : texts.flatMap((row) => record(names, row, paint));
  const notes = note ? wrap(note, columns(process.stdout)).map((line) => paint("dim", line)) : [];
  return [paint("underline", title), ...body, ...notes];
}

function record(names: readonly string[], row: readonly string[], paint: Paint): string[] {
  const width = Math.max(...names.map((name) => name.length));
  return row.map((cell, i) =>
    i === 0 ? paint("bold", cell) : `  ${paint("dim", names[i]!.padEnd(width))}  ${cell}`,
  );
}

const text = (cell: TableCell) => String(cell ?? "–");

/** What changed between two result files, for a terminal. */
export function renderComparison({ changes, onlyBefore, onlyAfter }: Comparison): string {
  const paint = painter(process.stdout);
  const beyond = changes.filter((change) => change.beyond);
  const table: Table = {
    title: `${beyond.length} of ${changes.length} scores changed beyond noise`,
    columns: ["task", "condition", "metric", "before", "after", "change"],
    rows: (beyond.length > 0 ? beyond : changes).map(row),
    note:
      "[ ] 95 % bootstrap interval over clips, drawn together in both files; without one, the files are of other clips, or of fewer than six. " +
      `Of ${changes.length} scores about ${Math.round(changes.length / 20)} would change so by chance alone.`,
  };
  const missing = [
    ...onlyBefore.map((name) => `only in the first: ${name}`),
    ...onlyAfter.map((name) => `only in the second: ${name}`),
  ];
  return `${[...renderTable(table, paint), ...missing].map(printable).join("\n")}\n`;
}

const row = ({ task, condition, metric, before, after, difference }: Change): TableCell[] => [
  task,
  condition,
  metric,
  before.toFixed(1),
  after.toFixed(1),
  difference ? shown(difference) : (after - before).toFixed(1),
];
