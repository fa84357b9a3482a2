import type { styleText } from "node:util";

/** [L][H] of 1 (on) and 0. */
export type Gates = readonly (readonly number[])[];

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** Gates of a row of heads to characters, and how many heads a character stands for. */
interface Cells {
  readonly draw: (gates: readonly number[]) => string;
  readonly heads: 1 | 2;
  /** Between characters. */
  readonly gap: "" | " ";
}

const HALVES = ["·", "▐", "▌", "█"] as const;

const single = (gap: Cells["gap"]): Cells => ({
  draw: (gates) => gates.map((gate) => (gate ? "■" : "·")).join(gap),
  heads: 1,
  gap,
});

/** Two heads a character: the left and the right half of a block. */
const PAIRED: Cells = {
  draw: (gates) =>
    Array.from(
      { length: Math.ceil(gates.length / 2) },
      (_, i) => HALVES[2 * gates[2 * i]! + (gates[2 * i + 1] ?? 0)]!,
    ).join(""),
  heads: 2,
  gap: "",
};

/**
 * A mask's map [L, H] for a terminal `width` columns wide: a ruler of head numbers, then a row a layer with its count of
 * heads that are on. Where heads do not fit, two share a character; beyond twice the width the rows are longer than that.
 * @param paint colours text, where that is wanted
 */
export function headMap(gates: Gates, width: number, paint: Paint): string[] {
  const { label, margin, count, cells } = layOut(gates, width);
  const aside = cells.heads === 2 ? " " : "  "; // so that 128 heads fit into 80 columns
  const rows = gates.map((row, layer) => {
    const on = row.reduce((sum, gate) => sum + gate, 0);
    return `  layer ${`${layer}`.padStart(label)}  ${painted(cells.draw(row), paint)}${aside}${`${on}`.padStart(count)}`;
  });
  return [...ruler(gates[0]!.length, cells, margin), ...rows];
}

/** Widths of the layers' numbers, of all that is left of the cells, and of the counts at the right; and the cells. */
function layOut(gates: Gates, width: number) {
  const heads = gates[0]!.length;
  const label = `${gates.length - 1}`.length;
  const margin = "  layer ".length + label + 2;
  const count = `${heads}`.length;
  const room = width - margin - 2 - count;
  const cells = 2 * heads - 1 <= room ? single(" ") : heads <= room ? single("") : PAIRED;
  return { label, margin, count, cells };
}

/** Head numbers over their columns: the last digit of each, or every tenth where two heads share a column. */
function ruler(heads: number, { heads: each, gap }: Cells, margin: number): string[] {
  const columns = Array.from({ length: Math.ceil(heads / each) }, (_, i) => i * each);
  const digits = (of: (head: number) => string) => columns.map(of).join(gap).trimEnd();
  if (each === 2) {
    const tens = columns.filter((head) => head % 10 === 0);
    const line = tens.map((head) => `${head}`.padEnd(10 / each)).join("");
    return ["  head".padEnd(margin) + line.trimEnd()];
  }
  const tens = digits((head) => (head >= 10 && head % 10 === 0 ? `${Math.floor(head / 10) % 10}` : " "));
  const units = "  head".padEnd(margin) + digits((head) => `${head % 10}`);
  return heads > 10 ? [" ".repeat(margin) + tens, units] : [units];
}

/** Runs of heads that are on in colour, those that are off dimmed. */
const painted = (row: string, paint: Paint) =>
  row
    .replace(/[■▐▌█]( ?[■▐▌█])*/g, (run) => paint("cyan", run))
    .replace(/·( ?·)*/g, (run) => paint("dim", run));

/** What the characters mean, and how many heads are on in all. */
export function headMapLegend(gates: Gates, width: number): string {
  const all = gates.length * gates[0]!.length;
  const on = gates.flat().reduce((sum, gate) => sum + gate, 0);
  const share = `${on} of ${all} heads on (${((100 * on) / all).toFixed(1)} %)`;
  const paired = layOut(gates, width).cells.heads === 2;
  const key = paired ? "two heads a column: █ both on, ▌ left, ▐ right, · none" : "■ on, · off";
  return `  ${key}; ${share}`;
}
