import { test } from "uvu";
import type { Pair } from "../../src/tasks/metric-types.ts";
import { rougeL, rougeLOf } from "../../src/tasks/rouge.ts";
import { close, fixture } from "./metric-fixtures.ts";

const { pairs } = fixture<{ pairs: (Pair & { f1: number })[] }>("rouge");

test("F1 of the longest common subsequence, and its mean", () => {
  for (const { f1, ...one } of pairs) close(rougeLOf(one), f1, JSON.stringify(one));
  close(rougeL(pairs), pairs.reduce((sum, { f1 }) => sum + f1, 0) / pairs.length, "mean");
});

test("order counts, case and punctuation do not", () => {
  close(rougeLOf({ hypothesis: "C b a", reference: "a, b, c!" }), 1 / 3, "reversed");
  close(rougeLOf({ hypothesis: "A b C.", reference: "a, b, c!" }), 1, "same");
});

test.run();
