import { COLOURS, document, element, heading, INK, label, rect, upright } from "./svg.ts";

export interface HeadMapPicture {
  readonly layers: number;
  readonly heads: number;
  /** [L·H], row by row: whether each head is on. */
  readonly on: readonly boolean[] | Float32Array;
  /** [L·H]; the further from 0, the stronger the colour. */
  readonly logits?: Float32Array | undefined;
  readonly title: string;
}

const LEFT = 56; // for the layers' numbers
const TOP = 84; // for the title and the key
const BOTTOM = 44; // for the heads' numbers
const BARS = 90;
const GAP = 14;
const WIDTH = 800;
const [ON, OFF] = [COLOURS[0], "#e3e7ec"];
/** Weak and strong: heads on are blue, heads off orange, and the lightness alone tells them apart too. */
const SHADES = { on: ["#8cc3e3", "#084a75"], off: ["#fdf3e7", "#eda45c"] } as const;

/**
 * A mask as an SVG document at most 800 px wide: a row a layer, from the first at the top, a column a head, and at the
 * right how many heads of each layer are on.
 * @throws RangeError unless `on` and `logits` have L·H elements
 */
export function headMapSvg({ layers, heads, on, logits, title }: HeadMapPicture): string {
  for (const values of [on, logits])
    if (values && values.length !== layers * heads)
      throw new RangeError(`headMapSvg: expected ${layers} × ${heads} heads, got ${values.length} values`);
  const cell = Math.min(64, (WIDTH - LEFT - GAP - BARS - 40) / heads);
  const [right, bottom] = [LEFT + heads * cell, TOP + layers * cell];
  const width = Math.max(right + GAP + BARS + 40, 420);
  const isOn = Array.from(on, Boolean);
  const counts = Array.from(
    { length: layers },
    (_, l) => isOn.slice(l * heads, (l + 1) * heads).filter(Boolean).length,
  );
  const all = counts.reduce((sum, count) => sum + count, 0);
  const share = ((100 * all) / (layers * heads)).toFixed(1);
  const strongest = logits ? logits.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0) || 1 : 0;
  const colour = (i: number) =>
    logits ? shade(isOn[i]!, Math.abs(logits[i]!) / strongest) : isOn[i] ? ON : OFF;
  const key = logits ? logitKey(strongest) : switchKey();
  return document(width, bottom + BOTTOM, `${title}: ${all} of ${layers * heads} heads on`, [
    heading(16, 22, title, width - 32),
    label(16, 44, `${all} of ${layers * heads} heads on (${share} %)`),
    element("g", { transform: `translate(${LEFT} 66)` }, key.join("")),
    ...squares(
      Array.from(isOn, (_, i) => colour(i)),
      heads,
      cell,
    ),
    ...numbers(heads, cell, 7 * `${heads - 1}`.length + 8).map((h) =>
      label(LEFT + (h + 0.5) * cell, bottom + 12, `${h}`, { "text-anchor": "middle" }),
    ),
    ...numbers(layers, cell, 13).map((l) =>
      label(LEFT - 8, TOP + (l + 0.5) * cell, `${l}`, { "text-anchor": "end" }),
    ),
    label((LEFT + right) / 2, bottom + 32, "head", { "text-anchor": "middle" }),
    upright(16, (TOP + bottom) / 2, "layer"),
    label(right + GAP, 66, "heads on"),
    ...bars(counts, heads, cell, right + GAP),
  ]);
}

/** The map's cells: all of a colour are one path, which keeps the document small. */
function squares(colours: readonly string[], heads: number, cell: number): string[] {
  const inset = cell > 6 ? 0.5 : 0; // between cells, where there is room
  const side = (cell - 2 * inset).toFixed(2);
  const paths = new Map<string, string>();
  colours.forEach((colour, i) => {
    const x = (LEFT + (i % heads) * cell + inset).toFixed(2);
    const y = (TOP + Math.floor(i / heads) * cell + inset).toFixed(2);
    paths.set(colour, `${paths.get(colour) ?? ""}M${x} ${y}h${side}v${side}h-${side}z`);
  });
  return [...paths].map(([fill, d]) => element("path", { fill, d }));
}

/** Which of `count` rows or columns of `cell` px have room for a number of `size` px: all, every 2nd, 5th, 10th … */
function numbers(count: number, cell: number, size: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100].find((n) => n * cell >= size) ?? 200;
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
}

function bars(counts: readonly number[], heads: number, cell: number, left: number): string[] {
  const shown = new Set(numbers(counts.length, cell, 12));
  return counts.flatMap((count, l) => {
    const length = (BARS * count) / heads;
    const thickness = Math.min(cell * 0.7, 24);
    const y = TOP + (l + 0.5) * cell;
    return [
      rect(left, y - thickness / 2, BARS, thickness, "#f3f5f7"),
      rect(left, y - thickness / 2, length, thickness, INK),
      ...(shown.has(l) ? [label(left + BARS + 6, y, `${count}`)] : []),
    ];
  });
}

const switchKey = () => [
  rect(0, -6, 12, 12, ON),
  label(18, 0, "on"),
  rect(52, -6, 12, 12, OFF),
  label(70, 0, "off"),
];

/** Shades from the strongest logit of a head that is off to that of one on. */
function logitKey(strongest: number): string[] {
  const steps = Array.from({ length: 20 }, (_, i) => (i + 0.5) / 10 - 1);
  const most = strongest.toPrecision(2);
  return [
    label(0, 0, `off −${most}`),
    ...steps.map((t, i) => rect(64 + 7 * i, -6, 7.2, 12, shade(t >= 0, Math.abs(t)))),
    label(64 + 140 + 8, 0, `${most} on (logit)`),
  ];
}

/** @param strength 0 … 1 */
function shade(on: boolean, strength: number): string {
  const [weak, strong] = SHADES[on ? "on" : "off"];
  const part = (colour: string, i: number) => Number.parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16);
  const mix = [0, 1, 2].map((i) => {
    const value = part(weak, i) + Math.min(1, strength) * (part(strong, i) - part(weak, i));
    return Math.round(value).toString(16).padStart(2, "0");
  });
  return `#${mix.join("")}`;
}
