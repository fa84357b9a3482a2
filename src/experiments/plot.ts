import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { COLOURS, escapeXml, INK } from "../tasks/svg.ts";
import type { Estimate } from "./bootstrap.ts";
import { type Figure, round } from "./findings.ts";

export { COLOURS, INK, Plot };

/** Widths are px of the drawing; figures are read at this size. */
export const WIDTH = 800;

/** Draws with Observable Plot, without a browser. A legend is drawn by `legend`, since Plot's own is not part of the SVG. */
export function figure(
  name: string,
  title: string,
  caption: string,
  options: Plot.PlotOptions & { readonly legend?: Readonly<Record<string, string>> },
): Figure {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const { legend = {}, ...rest } = options;
  const drawing = Plot.plot({
    document: document as unknown as Document,
    width: WIDTH,
    marginTop: 40,
    marginRight: 24,
    marginBottom: 48,
    style: { fontSize: "13px", fontFamily: "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif", color: INK },
    ...rest,
  });
  const height = Number(drawing.getAttribute("height"));
  const top = Object.keys(legend).length > 0 ? LEGEND : 0;
  const inner = drawing.outerHTML.replace("<svg ", `<svg xmlns="http://www.w3.org/2000/svg" y="${top}" `);
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height + top}" viewBox="0 0 ${WIDTH} ${height + top}" role="img">` +
    `<title>${escapeXml(title)}</title><rect width="100%" height="100%" fill="#fff"/>${keys(legend)}${inner}</svg>\n`;
  return { name, title, caption, svg };
}

const LEGEND = 28;
const LETTER = 7.4; // px that a letter of 13 px takes, about

/** px that the longest of these names takes beside a drawing, with its tick. */
export const room = (names: Iterable<string>): number =>
  20 + LETTER * Math.max(0, ...[...names].map(({ length }) => length));

/** A swatch and a name for each colour, in a row. */
function keys(legend: Readonly<Record<string, string>>): string {
  let x = 12;
  const items = Object.entries(legend).map(([name, colour]) => {
    const item =
      `<rect x="${x}" y="8" width="14" height="14" rx="2" fill="${colour}"/>` +
      `<text x="${x + 20}" y="19.5" font-size="13" font-family="system-ui, 'DejaVu Sans', sans-serif" fill="${INK}">${escapeXml(name)}</text>`;
    x += 20 + LETTER * name.length + 22;
    return item;
  });
  return items.join("");
}

/** An axis of scores in percent; error rates may exceed 100. */
export const percent = (values: readonly number[]): [number, number] => [0, Math.max(100, ...values)];

/** A score with its interval, under a name within a group. */
export interface Bar {
  readonly group: string;
  readonly name: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export const barOf = (group: string, name: string, { value, low, high }: Estimate): Bar => ({
  ...{ group, name },
  ...{ value, low, high },
});

/** Bars in groups, one below the other, with their intervals as lines; names by colour. Scores are in %. */
export const bars = (
  name: string,
  title: string,
  caption: string,
  all: readonly Bar[],
  o: {
    readonly legend: Readonly<Record<string, string>>;
    /** What the axis shows. */
    readonly label: string;
  },
): Figure => {
  const places = { y: "name", fy: "group" };
  const domain = (of: (bar: Bar) => string) => [...new Set(all.map(of))];
  const [groups, names] = [domain(({ group }) => group), domain(({ name }) => name)];
  return figure(name, title, `${caption} Lines: 95 % bootstrap interval over clips.`, {
    legend: o.legend,
    height: 90 + 26 * all.length,
    marginLeft: room(groups),
    marginRight: 52,
    fy: { label: null, domain: groups, padding: 0.15 },
    y: { axis: null, domain: names },
    x: { label: `${o.label} →`, domain: percent(all.map(({ high }) => high)), grid: true },
    marks: [
      Plot.barX(all, { x: "value", ...places, fill: ({ name }: Bar) => o.legend[name] }),
      Plot.ruleY(all, { x1: "low", x2: "high", ...places, stroke: INK }),
      Plot.text(all, {
        x: "high",
        ...places,
        text: ({ value }: Bar) => `${round(value)}`,
        textAnchor: "start",
        dx: 6,
      }),
      Plot.ruleX([0]),
    ],
  });
};
