import { test } from "uvu";
import * as assert from "uvu/assert";
import { curveSvg, type Series } from "../../src/tasks/curve-svg.ts";

const draw = (...series: Series[]) =>
  curveSvg({ title: "Learning", xLabel: "step", yLabel: "loss", rightLabel: "heads on", series });

const texts = (svg: string) => [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
const lines = (svg: string) =>
  [...svg.matchAll(/<polyline points="([^"]+)"/g)].map(([, points]) =>
    points!.split(" ").map((point) => point.split(",").map(Number)),
  );
/** Asserts that these labels stand in the picture one after the other. */
function shows(svg: string, ...labels: string[]) {
  assert.ok(texts(svg).join("|").includes(labels.join("|")), `${labels} in ${texts(svg)}`);
}

test("draws a curve between axes with round numbers", () => {
  const svg = draw({ name: "train", points: [[0, 3.7], [50, 1], [97, 0.2]] }); // biome-ignore format: points
  shows(svg, "0", "1", "2", "3", "4");
  shows(svg, "0", "20", "40", "60", "80", "100");
  for (const text of ["Learning", "step", "loss", "train"]) assert.ok(texts(svg).includes(text), text);
  assert.not.ok(texts(svg).includes("heads on"), "no right axis");
  const [[first, middle, last]] = lines(svg) as [number[][]];
  assert.ok(first![0]! < middle![0]! && middle![0]! < last![0]!);
  assert.ok(first![1]! < middle![1]! && middle![1]! < last![1]!, "y grows downwards");
});

test("a second axis has its own scale", () => {
  const svg = draw(
    { name: "loss", points: [[0, 0], [1, 1]] }, // biome-ignore format: points
    { name: "heads", axis: "right", dashed: true, points: [[0, 0], [1, 1000]] }, // biome-ignore format: points
  );
  assert.ok(texts(svg).includes("heads on"));
  shows(svg, "0", "200", "400", "600", "800", "1000");
  assert.ok(texts(svg).includes("heads (right)"));
  assert.equal(...(lines(svg) as [number[][], number[][]]));
  assert.is([...svg.matchAll(/<polyline [^>]*stroke-dasharray/g)].length, 1);
});

test("tiny, huge, negative and equal values have readable ticks", () => {
  shows(draw({ name: "a", points: [[0, 0], [1, 2e-6]] }), "0", "5e-7", "1e-6", "1.5e-6", "2e-6"); // biome-ignore format: one line
  shows(draw({ name: "a", points: [[0, 0], [1, 6e9]] }), "0", "1e+9", "2e+9"); // biome-ignore format: one line
  shows(draw({ name: "a", points: [[0, -0.3], [1, 0.3]] }), "−0.3", "−0.2", "−0.1", "0", "0.1"); // biome-ignore format: one line
  shows(draw({ name: "a", points: [[0, 5], [1, 5]] }), "4.4", "4.6", "4.8", "5.0"); // biome-ignore format: one line
});

test("breaks at what is no number, and draws a point that is alone", () => {
  const points = [[0, 1], [1, 2], [2, Number.NaN], [3, 1], [4, Number.POSITIVE_INFINITY], [5, 1], [6, 2]] as const; // biome-ignore format: points
  const svg = draw({ name: "a", points });
  assert.equal(
    lines(svg).map((line) => line.length),
    [2, 2],
  );
  assert.is([...svg.matchAll(/<circle/g)].length, 1);
  for (const nothing of [draw(), draw({ name: "empty", points: [] })])
    assert.not.match(nothing, /NaN|Infinity/);
  assert.not.match(svg, /NaN|Infinity/);
});

test("takes 100 000 points, and any text as text", () => {
  const points = Array.from({ length: 100_000 }, (_, i) => [i, Math.sin(i)] as const);
  assert.is(lines(draw({ name: "a", points }))[0]!.length, 100_000);
  assert.match(draw({ name: "<b>", points: [] }), />&lt;b&gt;</);
});

test.run();
