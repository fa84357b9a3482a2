import { test } from "uvu";
import * as assert from "uvu/assert";
import { HeadMask } from "../../src/mask/head-mask.ts";
import { headMapSvg } from "../../src/tasks/head-map-svg.ts";

/** Cells of each colour of the map. */
const cells = (svg: string) =>
  new Map(
    [...svg.matchAll(/<path fill="(#\w+)" d="([^"]+)"/g)].map(([, fill, d]) => [
      fill,
      d!.split("M").length - 1,
    ]),
  );

const texts = (svg: string) => [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);

for (const [layers, heads, on] of [
  [8, 8, 41],
  [40, 40, 1000],
  [80, 64, 1],
] as const)
  test(`draws ${layers} × ${heads} heads within 800 px`, () => {
    const mask = HeadMask.random(layers, heads, on, 1);
    const svg = headMapSvg({ layers, heads, on: mask.gates(), title: "a mask" });
    assert.equal([...cells(svg).values()].sort(), [on, layers * heads - on].sort());
    assert.ok(Number(/ width="(\d+)"/.exec(svg)![1]) <= 800);
    const shown = texts(svg);
    for (const text of ["head", "layer", "heads on", "on", "off", "a mask"])
      assert.ok(shown.includes(text), text);
    assert.ok(shown.some((text) => text!.startsWith(`${on} of ${layers * heads} heads on (`)));
  });

test("counts the heads of each layer", () => {
  const svg = headMapSvg({ layers: 3, heads: 2, on: [true, true, false, false, true, false], title: "x" });
  assert.equal(texts(svg).slice(-3), ["2", "0", "1"]);
});

test("colours heads by their logits: the further from 0, the stronger", () => {
  const logits = Float32Array.of(4, -4, 2, -0.001, 0, 4);
  const svg = headMapSvg({
    layers: 2,
    heads: 3,
    on: [true, false, true, false, true, true],
    logits,
    title: "x",
  });
  assert.equal(
    [...cells(svg)],
    [["#084a75", 2], ["#eda45c", 1], ["#4a87ac", 1], ["#fdf3e7", 1], ["#8cc3e3", 1]], // biome-ignore format: one line
  );
  assert.ok(texts(svg).includes("off −4.0"));
  const zeros = headMapSvg({ layers: 1, heads: 1, on: [true], logits: new Float32Array(1), title: "x" });
  assert.not.match(zeros, /NaN/);
});

test("shows any title as text, and cuts one that does not fit", () => {
  const svg = headMapSvg({ layers: 1, heads: 1, on: [true], title: '<script>"&\u0000' });
  assert.match(svg, /&lt;script&gt;&quot;&amp;</);
  assert.not.match(svg, /<script/);
  const long = headMapSvg({ layers: 1, heads: 1, on: [true], title: "x".repeat(500) });
  assert.match(long, /<title>x{500}: 1 of 1 heads on<\/title>/);
  assert.match(long, />x{30,40}…</);
});

test("refuses values for another number of heads", () => {
  assert.throws(
    () => headMapSvg({ layers: 2, heads: 2, on: [true], title: "" }),
    "headMapSvg: expected 2 × 2 heads, got 1 values",
  );
});

test.run();
