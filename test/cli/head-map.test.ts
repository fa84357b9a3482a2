import { test } from "uvu";
import * as assert from "uvu/assert";
import { headMap, headMapLegend } from "../../src/cli/head-map.ts";

const plain = (_style: unknown, text: string) => text;
const gates = (...rows: string[]) => rows.map((row) => [...row].map(Number));

test("a row a layer, and its count", () => {
  assert.equal(headMap(gates("110", "000"), 80, plain), [
    "  head     0 1 2",
    "  layer 0  ■ ■ ·  2",
    "  layer 1  · · ·  0",
  ]);
  assert.is(headMapLegend(gates("110", "000"), 80), "  ■ on, · off; 2 of 6 heads on (33.3 %)");
});

test("gives up the gaps where there is no room", () => {
  const wide = gates("1".repeat(40));
  assert.equal(headMap(wide, 80, plain), [
    `                     1         2         3`,
    `  head     ${"0123456789".repeat(4)}`,
    `  layer 0  ${"■".repeat(40)}  40`,
  ]);
});

test("two heads share a character where still more must fit", () => {
  const row = "1101100100".repeat(13).slice(0, 128);
  const map = headMap(gates(...Array.from({ length: 80 }, () => row)), 80, plain);
  assert.is(map[0], "  head      0    10   20   30   40   50   60   70   80   90   100  110  120");
  assert.is(map[1]!.slice(0, 17), "  layer  0  █▐▌▐·");
  assert.ok(map.every((line) => line.length <= 80));
  assert.is(map.length, 81);
  const odd = headMap(gates("1".repeat(81)), 80, plain);
  assert.is(odd[1], `  layer 0  ${"█".repeat(40)}▌ 81`);
  assert.match(headMapLegend(gates("1".repeat(81)), 80), /█ both on, ▌ left, ▐ right, · none/);
});

test("colours only as it is told to", () => {
  const paint = (style: unknown, text: string) => `<${style} ${text}>`;
  assert.is(headMap(gates("1100"), 80, paint)[1], "  layer 0  <cyan ■ ■> <dim · ·>  2");
});

test.run();
