import { COLOURS, document, element, FAINT, heading, INK, label, line, upright } from "./svg.ts";

export interface Series {
  readonly name: string;
  /** [x, y] in the order they are joined; the line breaks at what is not finite. */
  readonly points: readonly (readonly [number, number])[];
  readonly dashed?: boolean;
  /** Whose scale it is drawn to; left is the default. */
  readonly axis?: "left" | "right";
}

export interface CurvePicture {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Of the right axis, which is drawn where a series is on it. */
  readonly rightLabel?: string;
  readonly series: readonly Series[];
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [800, 460, 76, 52];
const LEGEND_ROW = 20;

interface Axis {
  readonly ticks: readonly number[];
  /** The tick's text. */
  readonly name: (tick: number) => string;
  /** px of a value. */
  readonly place: (value: number) => number;
}

/** Curves over one x axis, with a second y axis where a series asks for it, as an SVG document 800 px wide. */
export function curveSvg({ title, xLabel, yLabel, rightLabel = "", series }: CurvePicture): string {
  const onRight = series.filter(({ axis }) => axis === "right");
  const onLeft = series.filter(({ axis }) => axis !== "right");
  const right = WIDTH - (onRight.length > 0 ? LEFT : 24);
  const legend = layOutLegend(series, right - LEFT);
  const top = 50 + LEGEND_ROW * (legend.at(-1)?.row ?? -1) + LEGEND_ROW;
  const bottom = HEIGHT - BOTTOM;
  const x = axis(values(series, 0), LEFT, right, 8);
  const y = axis(values(onLeft, 1), bottom, top, 6);
  const y2 = axis(values(onRight, 1), bottom, top, 6);
  return document(WIDTH, HEIGHT, title, [
    heading(16, 22, title, WIDTH - 32),
    ...legend.map(({ at, row }, i) =>
      element(
        "g",
        { transform: `translate(${LEFT + at} ${48 + LEGEND_ROW * row})` },
        element("line", { x1: 0, y1: 0, x2: 26, y2: 0, ...stroke(series, i) }) +
          label(32, 0, legendName(series[i]!)),
      ),
    ),
    ...y.ticks.flatMap((tick) => [
      line(LEFT, y.place(tick), right, y.place(tick), FAINT),
      label(LEFT - 8, y.place(tick), y.name(tick), { "text-anchor": "end" }),
    ]),
    ...x.ticks.flatMap((tick) => [
      line(x.place(tick), bottom, x.place(tick), bottom + 5, INK),
      label(x.place(tick), bottom + 16, x.name(tick), { "text-anchor": "middle" }),
    ]),
    line(LEFT, bottom, right, bottom, INK),
    line(LEFT, top, LEFT, bottom, INK),
    label((LEFT + right) / 2, HEIGHT - 16, xLabel, { "text-anchor": "middle" }),
    upright(18, (top + bottom) / 2, yLabel),
    ...(onRight.length > 0 ? rightAxis(y2, right, top, bottom, rightLabel) : []),
    ...series.flatMap((one, i) => curve(one, x, one.axis === "right" ? y2 : y, stroke(series, i))),
  ]);
}

function rightAxis(y: Axis, x: number, top: number, bottom: number, name: string): string[] {
  return [
    line(x, top, x, bottom, INK),
    ...y.ticks.flatMap((tick) => [
      line(x, y.place(tick), x + 5, y.place(tick), INK),
      label(x + 9, y.place(tick), y.name(tick)),
    ]),
    upright(WIDTH - 18, (top + bottom) / 2, name),
  ];
}

const values = (series: readonly Series[], of: 0 | 1): number[] =>
  series.flatMap(({ points }) => points.filter(isFinitePoint).map((point) => point[of]));

const isFinitePoint = (point: readonly [number, number]) => point.every(Number.isFinite);

/** From the nice number below all values to the one above, in about `count` steps of 1, 2 or 5 times a power of ten. */
function axis(shown: readonly number[], from: number, to: number, count: number): Axis {
  const least = shown.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const most = shown.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const [low, high] = least > most ? [0, 1] : least === most ? around(least) : [least, most];
  const step = niceStep((high - low) / count);
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  const [begin, end] = [first * step, last * step];
  const decimals = Math.min(20, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const large = Math.max(Math.abs(begin), Math.abs(end)) >= 1e7 || step < 1e-4;
  return {
    ticks,
    name: (tick) => tickName(large ? tick : Number(tick.toFixed(decimals)), large ? undefined : decimals),
    place: (value) => from + ((value - begin) / (end - begin)) * (to - from),
  };
}

/** @param decimals undefined: as a power of ten */
function tickName(tick: number, decimals: number | undefined): string {
  const text = decimals === undefined ? Number(tick.toPrecision(4)).toExponential() : tick.toFixed(decimals);
  return tick === 0 ? "0" : text.replace(/^-/, "−");
}

/** Room for a value that is alone. */
const around = (value: number): [number, number] => {
  const room = Math.abs(value) / 10 || 1;
  return [value - room, value + room];
};

function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5].find((n) => n * power >= least * (1 - 1e-9)) ?? 10) * power;
}

function stroke(series: readonly Series[], i: number) {
  return {
    stroke: COLOURS[i % COLOURS.length]!,
    "stroke-width": 2,
    ...(series[i]!.dashed && { "stroke-dasharray": "6 4" }),
  };
}

/** The line, and a dot for a point with no neighbour to be joined to. */
function curve({ points }: Series, x: Axis, y: Axis, style: ReturnType<typeof stroke>): string[] {
  const place = ([px, py]: readonly [number, number]): [number, number] => [x.place(px), y.place(py)];
  const runs: [number, number][][] = [[]];
  for (const point of points) {
    if (isFinitePoint(point)) runs.at(-1)!.push(place(point));
    else if (runs.at(-1)!.length > 0) runs.push([]);
  }
  return runs
    .filter((run) => run.length > 0)
    .map((run) => {
      if (run.length === 1)
        return element("circle", { cx: run[0]![0], cy: run[0]![1], r: 3, fill: style.stroke });
      const path = run.map((at) => at.map((px) => px.toFixed(1)).join(",")).join(" ");
      return element("polyline", { points: path, fill: "none", "stroke-linejoin": "round", ...style });
    });
}

const MOST_NAME = 48; // letters of a series' name in the legend

const legendName = ({ name, axis }: Series) =>
  (name.length > MOST_NAME ? `${name.slice(0, MOST_NAME - 1)}…` : name) +
  (axis === "right" ? " (right)" : "");

/** Where each series' entry begins, in as many rows as it takes. */
function layOutLegend(series: readonly Series[], width: number): { at: number; row: number }[] {
  let [at, row] = [0, 0];
  return series.map((one) => {
    const length = 32 + 7.2 * legendName(one).length + 20;
    if (at > 0 && at + length > width) [at, row] = [0, row + 1];
    const place = { at, row };
    at += length;
    return place;
  });
}
